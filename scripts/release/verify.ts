import fs from "node:fs";
import path from "node:path";
import { type FileList, LIST, readList, type SealedFile, treeHash, WHOLE } from "../build/file-list.ts";
import { readRelease } from "../build/release-tree.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { observeCurrent, observeRelease } from "../core/observe.ts";
import { releasePath } from "../core/paths.ts";
import { imageOf } from "../podman/image.ts";
import { hasContainers } from "../podman/quadlet.ts";
import { recordedManifest } from "../service/definitions.ts";
import { reporter } from "../terminal/reporter.ts";
import { checkedId } from "../core/release-id.ts";
import { printable } from "../text/table.ts";

/** What `verify --json` gives. */
export interface Verification {
  release_id: string;
  /** Nothing that was sealed is changed or missing. */
  is_intact: boolean;
  /** Why it cannot be compared at all; null when it was. */
  problem: string | null;
  /** Files that were sealed. */
  files: number;
  changed: { path: string; how: "content" | "mode" | "kind" }[];
  /** Files, and images of containers that its services run. */
  missing: string[];
  /** Files that came later, such as caches: no fault. */
  added: string[];
}

/** Compares a release with what it was when it was sealed. @throws UsageError for a release that is not there. */
export async function observeVerification(context: Context, named: string | undefined): Promise<Verification> {
  const found = observeFiles(context, named);
  const manifest = await recordedManifest(context, found.release_id);
  if (!hasContainers(manifest) || found.problem !== null) return found;
  const { missingImages } = await import("../podman/look.ts");
  const id = found.release_id;
  const gone = missingImages(context.paths, [{ id, manifest }]);
  const images = gone.flatMap((one) => one.images.map((image) => imageOf(image, id)));
  return images.length === 0 ? found : { ...found, is_intact: false, missing: [...found.missing, ...images] };
}

function observeFiles({ paths, opsPath }: Context, named: string | undefined): Verification {
  const id = named === undefined ? observeCurrent(paths).releaseId : checkedId(named);
  if (id === undefined)
    throw new UsageError(`nothing is deployed in ${paths.deployTo}: name the release to verify`, {
      next: `${opsPath}/release/list.ts`,
    });
  const release = observeRelease(paths, id);
  if (!release.isComplete && !release.isBuilding)
    throw new UsageError(`there is no release ${id} in ${paths.releases}`, { next: `${opsPath}/release/list.ts` });
  const directory = releasePath(paths, id);
  if (release.isBuilding)
    return { ...nothing(id), problem: "it is not complete: its build was interrupted, or is at work now" };
  const list = readSealed(directory, release.treeSha256);
  if (typeof list === "string") return { ...nothing(id), problem: list };
  const sealed = [...list.files.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return compare(id, sealed, readRelease(directory));
}

const nothing = (id: string): Verification => ({
  release_id: id,
  is_intact: false,
  problem: null,
  files: 0,
  changed: [],
  missing: [],
  added: [],
});

/** A release's list; or why there is none by which it can be told what changed. */
function readSealed(directory: string, treeSha256: string | undefined): FileList | string {
  const has = (name: string) => fs.existsSync(path.join(directory, name));
  if (!has(LIST)) {
    if (has("RELEASE.files")) return "it cannot be verified: an earlier version sealed it, with a list in another form";
    if (treeSha256 !== undefined) return `${LIST} is missing: nothing is left to compare it with`;
    return `it cannot be verified: it was made by hand or by another tool, and has no ${LIST}`;
  }
  if (treeSha256 === undefined) return `RELEASE.json does not say the tree_sha256 that ${LIST} must have`;
  try {
    const list = readList(directory);
    if (treeHash(list.files.values()) === treeSha256) return list;
  } catch {
    if (has(WHOLE)) return `${LIST} or ${WHOLE} was damaged: what they hold is no list`;
    return `${LIST} was damaged, or the ${WHOLE} on which it rests is missing`;
  }
  return `${LIST} itself was changed: it is not the list that RELEASE.json names by tree_sha256`;
}

/** What differs between two lists of files, each in the order of its names. */
function compare(id: string, sealed: SealedFile[], found: SealedFile[]): Verification {
  const now = new Map(found.map((file) => [file.path, file]));
  const before = new Set(sealed.map((file) => file.path));
  const changed = sealed.flatMap((file) => {
    const how = changeOf(file, now.get(file.path));
    return how ? [{ path: file.path, how }] : [];
  });
  const missing = sealed.flatMap(({ path: name }) => (now.has(name) ? [] : [name]));
  const added = found.flatMap(({ path: name }) => (before.has(name) ? [] : [name]));
  const is_intact = changed.length === 0 && missing.length === 0;
  return { release_id: id, is_intact, problem: null, files: sealed.length, changed, missing, added };
}

const isLink = ({ content }: SealedFile) => content.startsWith("-> ");

function changeOf(sealed: SealedFile, now: SealedFile | undefined): "content" | "mode" | "kind" | undefined {
  if (!now) return undefined;
  if (isLink(sealed) !== isLink(now)) return "kind";
  if (sealed.content !== now.content) return "content";
  return sealed.isExecutable === now.isExecutable ? undefined : "mode";
}

const MOST = 20;

/** `ops/release/verify.ts` for a person. */
export function renderVerification(found: Verification): string {
  const { release_id, is_intact, problem, files, changed, missing, added } = found;
  if (problem !== null) return reporter().paint("red", `${release_id}: ${problem}`);
  const counts = [`${changed.length} changed`, `${missing.length} missing`, `${added.length} added`].join(", ");
  const head = is_intact
    ? `${release_id} is as it was sealed: ${files} files`
    : `${release_id} is not as it was sealed: ${counts}, of ${files} files`;
  return [
    reporter().paint(is_intact ? "green" : "red", head),
    ...someOf(changed.map(({ path: name, how }) => `  changed  ${name}${how === "content" ? "" : ` (its ${how})`}`)),
    ...someOf(missing.map((name) => `  missing  ${name}`)),
    ...someOf(added.map((name) => `  added    ${name}`)),
  ].join("\n");
}

const someOf = (lines: string[]) => [
  ...lines.slice(0, MOST).map(printable),
  ...(lines.length > MOST ? [`           … and ${lines.length - MOST} more: --json names all`] : []),
];
