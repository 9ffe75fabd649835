import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { userName } from "../core/account.ts";
import type { Context } from "../core/context.ts";
import { syncDirectory, syncFileSystem, writeDurably } from "../core/durable.ts";
import { isObject } from "../core/hash-file.ts";
import { BUILDING, releasePath } from "../core/paths.ts";
import { stamp } from "../registry/releases.ts";
import { extractionKey } from "./extraction-key.ts";
import { type SealedFile, treeHash, writeList } from "./file-list.ts";
import { commitTime, trackedIn } from "./git-trees.ts";
import { type Inheritance, inheritanceOf, isOutput } from "./inheritance.ts";
import { type BuildMark, readMark } from "./mark.ts";
import { releaseJson } from "./release-json.ts";
import { readFile, walkRelease } from "./release-tree.ts";
import { isStamped, shareFile, type Way, wayBetween } from "./sharing.ts";
import { isMadeBySender } from "./uploaded.ts";

/**
 * Makes a built release count: durable by one sync of its file system, then RELEASE.json by rename, then the mark goes.
 * A crash at any moment leaves a release with its mark, or a complete one (RELIABILITY: content before the swap).
 */
export function applySeal(context: Context, id: string, now = new Date()): void {
  const directory = releasePath(context.paths, id);
  const mark = readMark(directory);
  const isCommitted = !mark.dirty && mark.sha !== "";
  const isFromGit = isCommitted && context.manifest.source.via === "git" && mark.upload === undefined;
  const base = isFromGit || (isCommitted && mark.upload) ? inheritanceOf(context, mark) : undefined;
  const isUntouched = mark.upload
    ? untouchedOfUpload(mark.upload, directory)
    : untouchedOfGit(context, mark, isFromGit);
  const rules: Rules = { directory, mark, isUntouched, ...wayOf(base, directory) };
  const { files, bytes, ownBytes } = readAll(rules);
  writeList(directory, files, base?.list);
  const extraction = isFromGit ? extractionKey(context.manifest.source, mark.sha) : undefined;
  const release = {
    id: mark.id,
    sha: mark.sha,
    built_at: stamp(now),
    ref: mark.ref,
    built_by: mark.upload?.builtBy ?? userName(),
    build_host: os.hostname(),
    dirty: mark.dirty,
    migration_marker: null,
    deps: mark.deps,
    steps: mark.steps,
    base: mark.base ?? null,
    ...(extraction === undefined ? {} : { extraction }),
    files: files.length,
    bytes,
    own_bytes: ownBytes,
    tree_sha256: treeHash(files),
  };
  syncFileSystem(directory);
  writeDurably(releaseJson(directory), `${JSON.stringify(release, null, 2)}\n`, 0o644);
  fs.unlinkSync(path.join(directory, BUILDING));
  syncDirectory(directory);
}

/** How a file compares with the one that the base has in its place. */
interface Likeness {
  /** Its size, time and mode are those that were sealed. */
  isLikeBase: boolean;
  /** So is what it holds. */
  isAlike: boolean;
}

interface Rules {
  directory: string;
  mark: BuildMark;
  /** Whether a regular file is as the source had it: only such a one is shared with another release. */
  isUntouched(place: string, stat: fs.Stats, likeness: Likeness): boolean;
  base?: Inheritance;
  way?: Way;
}

function untouchedOfGit(context: Context, { sha, isQuiet, id }: BuildMark, isFromGit: boolean): Rules["isUntouched"] {
  const { manifest, paths } = context;
  const tracked = isFromGit ? trackedIn(manifest.source.repo, sha) : undefined;
  const time = tracked ? commitTime(manifest.source.repo, sha) : 0;
  /** git's id of the regular file that the commit has there; undefined where it has none, or no build could leave it as it was. */
  const objectAt = (place: string) => {
    const entry = tracked?.get(place);
    return entry?.mode.startsWith("100") && !isOutput(manifest, place) ? entry.object : undefined;
  };
  // A step can set any time. Where steps ran, only what git has byte for byte is taken for git's.
  const isOriginal = (place: string, { size }: fs.Stats) => {
    const object = objectAt(place);
    return object !== undefined && (isQuiet || isObject(`${releasePath(paths, id)}/${place}`, size, object));
  };
  return (place, stat, { isLikeBase, isAlike }) =>
    (isLikeBase || stat.mtimeMs === time) && (isAlike || isOriginal(place, stat));
}

// Whatever is done to a file gives it a new ctime, which nobody can set, and the mark is younger than all of the upload.
function untouchedOfUpload({ made }: NonNullable<BuildMark["upload"]>, directory: string): Rules["isUntouched"] {
  const begun = fs.statSync(path.join(directory, BUILDING)).ctimeMs;
  return (place, stat) => stat.ctimeMs < begun && !isMadeBySender(made, place);
}

const wayOf = (base: Inheritance | undefined, directory: string): Pick<Rules, "base" | "way"> =>
  base ? { base, way: wayBetween(base.directory, directory) } : {};

/** Reads every file of the release, and shares those that turn out to be as its base has them. */
function readAll(rules: Rules): { files: SealedFile[]; bytes: number; ownBytes: number } {
  const files: SealedFile[] = [];
  let [bytes, ownBytes] = [0, 0];
  walkRelease(rules.directory, (place, stat) => {
    const { file, isShared } = stat.isFile()
      ? readOne(rules, place, stat)
      : { file: readFile(rules.directory, place, stat), isShared: true };
    files.push(file);
    if (!stat.isFile()) return;
    bytes += stat.size;
    if (!isShared) ownBytes += stat.size;
  });
  return { files: files.toSorted((a, b) => (a.path < b.path ? -1 : 1)), bytes, ownBytes };
}

function readOne(rules: Rules, place: string, stat: fs.Stats): { file: SealedFile; isShared: boolean } {
  const { directory, mark, base, way } = rules;
  const before = base?.fileAt(place);
  const isExecutable = (stat.mode & 0o100) !== 0;
  const isLikeBase =
    before?.pristine !== undefined && isStamped(stat, before.pristine) && before.isExecutable === isExecutable;
  // What was uploaded is shared by nobody yet.
  const isThere = isLikeBase && mark.upload === undefined && (way === "reflink" || stat.nlink > 1);
  // Nothing could write into it since it was shared: what the base's list says of it holds.
  if (mark.isQuiet && isThere) return { file: before, isShared: true };
  const file = readFile(directory, place, stat);
  const isAlike = before?.content === file.content && before.isExecutable === isExecutable;
  if (!rules.isUntouched(place, stat, { isLikeBase, isAlike })) return { file, isShared: false };
  const isTaken = isAlike && base !== undefined && way !== undefined;
  if (isTaken && (isThere || shareFile({ way, from: base.directory, to: directory, file: before, replaces: true })))
    return { file: before, isShared: true };
  return { file: { ...file, pristine: { size: stat.size, mtime: stat.mtimeMs } }, isShared: false };
}
