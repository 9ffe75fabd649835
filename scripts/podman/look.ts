import { spawnSync } from "node:child_process";
import type { Manifest } from "../../manifest.schema.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import type { Paths } from "../core/paths.ts";
import { filterOf, type Image, imageOf, imagesOf, LABELS } from "./image.ts";
import { podmanEnvironment } from "./steps.ts";

type Tree = Pick<Paths, "deployTo">;
type Labels = Record<string, string> | null;

/** Asks podman, which changes nothing; [] where it knows nothing of it. @throws FailedError where there is no podman */
function ask<Answer>(...words: string[]): Answer[] {
  const { stdout, error } = spawnSync("podman", words, {
    encoding: "utf8",
    env: { ...process.env, ...podmanEnvironment() },
    maxBuffer: 64e6,
  });
  if (error) throw new FailedError(`podman: ${error.message}`, { next: "ops/host/doctor.ts" });
  // Of several that it is asked for it tells those that are there, and says no for the others.
  return stdout.trimStart().startsWith("[") ? (JSON.parse(stdout) as Answer[]) : [];
}

/** The process that watches over a container: its pid and its start time. */
export interface Monitor {
  pid: number;
  startTime: string;
}

/** What was told of a monitor's container: it does not change while the monitor lives. */
const known = new Map<string, string>();

/**
 * The release whose image a unit's container runs: the label that the image got when it was built, where that was in this tree.
 * Another container of this name, with another monitor, proves nothing.
 */
export function releaseOfContainer(tree: Tree, container: string, { pid, startTime }: Monitor): string | undefined {
  const key = [container, pid, startTime].join(" ");
  const release = known.get(key) ?? askRelease(tree, container, pid);
  if (release !== undefined) known.set(key, release);
  return release;
}

interface Inspected {
  State?: { ConmonPid?: number };
  Config?: { Labels?: Labels };
}

function askRelease({ deployTo }: Tree, container: string, monitor: number): string | undefined {
  const [{ State, Config } = {}] = ask<Inspected>("container", "inspect", container);
  const isIt = State?.ConmonPid === monitor && Config?.Labels?.[LABELS.tree] === deployTo;
  return isIt ? Config?.Labels?.[LABELS.release] : undefined;
}

/** A release, and the manifest whose services run from it. */
export interface Wanted {
  id: string;
  manifest: Manifest;
}

/**
 * The images that are not here, of those that releases need; one under the right name that was not built for the release is none.
 * @throws UsageError for one that another tree built
 */
export function missingImages(tree: Tree, wanted: Wanted[]): { id: string; images: Image[] }[] {
  const names = wanted.flatMap(({ id, manifest }) => imagesOf(manifest).map((image) => imageOf(image, id)));
  if (names.length === 0) return [];
  const there = ask<{ RepoTags?: string[]; Labels?: Labels }>("image", "inspect", ...new Set(names));
  const labels = new Map(there.flatMap(({ RepoTags = [], Labels }) => RepoTags.map((name) => [name, Labels] as const)));
  for (const name of names) refuseForeign(tree, name, labels.get(name)?.[LABELS.tree]);
  return wanted.flatMap(({ id, manifest }) => {
    const images = imagesOf(manifest).filter((image) => labels.get(imageOf(image, id))?.[LABELS.release] !== id);
    return images.length > 0 ? [{ id, images }] : [];
  });
}

function refuseForeign({ deployTo }: Tree, name: string, other: string | undefined): void {
  if (other === undefined || other === deployTo) return;
  throw new UsageError(`${name} is an image of the tree ${other}: two trees of one account need images of two names`, {
    next: "give container.image another name in deploy.yaml",
  });
}

interface Listed {
  Names?: string[] | null;
  Labels?: Labels;
}

/** An image that this tree's builds made. */
export interface OwnImage {
  /** With its tag. */
  name: string;
  release: string;
}

/** Every image that was built for this tree, also under names that the manifest no longer has. */
export const ownImages = (tree: Tree): OwnImage[] =>
  ask<Listed>("images", ...filterOf(tree), "--format", "json").flatMap(({ Names, Labels }) => {
    const release = Labels?.[LABELS.release];
    // One that was tagged by hand as something else stays under that name.
    const names = (Names ?? []).filter((name) => name.endsWith(`:${release}`));
    return release === undefined ? [] : names.map((name) => ({ name, release }));
  });

/** The releases whose images this tree's containers run now: release id → the container's name. */
export const releasesInContainers = (tree: Tree): Map<string, string> =>
  new Map(
    ask<Listed>("ps", ...filterOf(tree), "--format", "json").flatMap(({ Names, Labels }): [string, string][] => {
      const release = Labels?.[LABELS.release];
      return release === undefined ? [] : [[release, `the container ${Names?.[0] ?? "of it"}`]];
    }),
  );
