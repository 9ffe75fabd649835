import fs from "node:fs";
import path from "node:path";
import { LIST, readList, type SealedFile, treeHash, WHOLE, writeList } from "../build/file-list.ts";
import { releaseJson, rewriteReleaseJson } from "../build/release-json.ts";
import type { Context } from "../core/context.ts";
import { standing, syncDirectory } from "../core/durable.ts";
import { type Paths, releasePath } from "../core/paths.ts";
import { reporter } from "../terminal/reporter.ts";
import { keptPath } from "../shared/linked.ts";
import { isSetKey } from "./key.ts";

interface Sealed {
  deps?: Record<string, string>;
  tree_sha256?: string;
}

/** A dependency set's place in a release, and where its link leads now. */
interface Place {
  name: string;
  path: string;
  target: string;
  /** The link that stood there before, where it is still kept. */
  kept?: string;
}

/** Lets RELEASE.json and the list of a release's files say where the links to its dependency sets lead now. */
export function applyRelink(context: Context, id: string): void {
  const { paths } = context;
  const directory = releasePath(paths, id);
  const file = releaseJson(directory);
  if (!fs.existsSync(file)) return;
  const release = JSON.parse(fs.readFileSync(file, "utf8")) as Sealed;
  const places = placesOf(context, directory);
  const hash = release.tree_sha256 === undefined ? undefined : relist(directory, release.tree_sha256, places);
  const deps = { ...release.deps };
  for (const place of places) {
    const key = keyOf(paths, directory, place);
    if (key === undefined) delete deps[place.name];
    else deps[place.name] = key;
  }
  rewriteReleaseJson(directory, { ...release, deps, ...(hash === undefined ? {} : { tree_sha256: hash }) });
}

function placesOf({ manifest }: Context, directory: string): Place[] {
  return Object.entries(manifest.dependencies).flatMap(([name, { path: place, use }]): Place[] => {
    const target = linkAt(path.join(directory, place));
    const kept = linkAt(keptPath(path.join(directory, place)));
    if (use !== undefined || target === undefined) return [];
    return [{ name, path: place, target, ...(kept === undefined ? {} : { kept }) }];
  });
}

/** The text of a link; undefined where none stands. */
export const linkAt = (place: string): string | undefined =>
  standing(place)?.isSymbolicLink() ? fs.readlinkSync(place) : undefined;

/** The key of the set that a link leads to; undefined for one that leads elsewhere. */
export function keyOf(
  paths: Paths,
  directory: string,
  { name, path: place, target }: Pick<Place, "name" | "path" | "target">,
): string | undefined {
  const to = path.resolve(path.dirname(path.join(directory, place)), target);
  const key = path.relative(path.join(paths.deps, name), to).split("/")[0] ?? "";
  return isSetKey(key) ? key : undefined;
}

/** The hash of the list as it is written again; undefined where the list is not the one that was sealed. */
function relist(directory: string, sealed: string, places: Place[]): string | undefined {
  const { files } = readList(directory);
  // A list that a kill left without its hash is ours all the same: with the links as they were, the hash is right.
  const isOurs = [files, withLinks(files, places, "kept")].some((list) => treeHash(list.values()) === sealed);
  if (!isOurs) return void reporter().warn(`${LIST} is not the list that was sealed: it is left as it is`);
  const list = [...withLinks(files, places, "target").values()];
  const aside = fs.mkdtempSync(path.join(directory, ".relist-"));
  try {
    writeList(aside, list, undefined);
    // By a rename: later releases may rest on the old list, as another name of the same file.
    fs.renameSync(path.join(aside, LIST), path.join(directory, LIST));
  } finally {
    fs.rmSync(aside, { recursive: true, force: true });
  }
  fs.rmSync(path.join(directory, WHOLE), { force: true });
  syncDirectory(directory);
  return treeHash(list);
}

function withLinks(files: Map<string, SealedFile>, places: Place[], which: "kept" | "target"): Map<string, SealedFile> {
  const links = places.flatMap((place): [string, SealedFile][] =>
    place[which] === undefined
      ? []
      : [[place.path, { path: place.path, content: `-> ${place[which]}`, isExecutable: false }]],
  );
  return new Map([...files, ...links]);
}
