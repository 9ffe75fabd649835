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

/**
 * Makes a built release count: durable by one sync of its file system, then RELEASE.json by rename, then the mark goes.
 * A crash at any moment leaves a release with its mark, or a complete one (RELIABILITY: content before the swap).
 */
export function applySeal(context: Context, id: string, now = new Date()): void {
  const directory = releasePath(context.paths, id);
  const mark = readMark(directory);
  const isFromGit = context.manifest.source.via === "git" && !mark.dirty && mark.sha !== "";
  const base = isFromGit ? inheritanceOf(context, mark) : undefined;
  const { files, bytes, ownBytes } = readAll({
    directory,
    mark,
    ...rulesOf(context, mark, isFromGit),
    ...wayOf(base, directory),
  });
  writeList(directory, files, base?.list);
  const extraction = isFromGit ? extractionKey(context.manifest.source, mark.sha) : undefined;
  const release = {
    id: mark.id,
    sha: mark.sha,
    built_at: stamp(now),
    ref: mark.ref,
    built_by: userName(),
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

interface Rules {
  directory: string;
  mark: BuildMark;
  /** git's id of the regular file that the commit has there; undefined where it has none, or no build could leave it as it was. */
  objectAt(place: string): string | undefined;
  /** What an extraction gives to every file, in milliseconds. */
  time: number;
  base?: Inheritance;
  way?: Way;
}

function rulesOf(context: Context, { sha }: BuildMark, isFromGit: boolean): Pick<Rules, "objectAt" | "time"> {
  const { manifest } = context;
  const tracked = isFromGit ? trackedIn(manifest.source.repo, sha) : undefined;
  if (!tracked) return { objectAt: () => undefined, time: 0 };
  const objectAt = (place: string) => {
    const entry = tracked.get(place);
    return entry?.mode.startsWith("100") && !isOutput(manifest, place) ? entry.object : undefined;
  };
  return { objectAt, time: commitTime(manifest.source.repo, sha) };
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
  const isThere = isLikeBase && (way === "reflink" || stat.nlink > 1);
  // Nothing could write into it since it was shared: what the base's list says of it holds.
  if (mark.isQuiet && isThere) return { file: before, isShared: true };
  const file = readFile(directory, place, stat);
  const isAlike = before?.content === file.content && before.isExecutable === isExecutable;
  const hasTime = isLikeBase || stat.mtimeMs === rules.time;
  if (!hasTime || !(isAlike || isOriginal(rules, place, stat))) return { file, isShared: false };
  const isTaken = isAlike && base !== undefined && way !== undefined;
  if (isTaken && (isThere || shareFile({ way, from: base.directory, to: directory, file: before, replaces: true })))
    return { file: before, isShared: true };
  return { file: { ...file, pristine: { size: stat.size, mtime: stat.mtimeMs } }, isShared: false };
}

// A step can set any time. Where steps ran, only what git has byte for byte is taken for git's.
function isOriginal(rules: Rules, place: string, { size }: fs.Stats): boolean {
  const object = rules.objectAt(place);
  return object !== undefined && (rules.mark.isQuiet || isObject(`${rules.directory}/${place}`, size, object));
}
