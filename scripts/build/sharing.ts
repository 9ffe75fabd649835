import fs from "node:fs";
import path from "node:path";
import { standing } from "../core/durable.ts";
import { BUILDING } from "../core/paths.ts";
import type { SealedFile, Stamp } from "./file-list.ts";
import { releaseJson } from "./release-json.ts";

/**
 * How two releases hold a file once: `reflink`, where the file system copies only what is written later (btrfs, xfs, APFS), or `link`, one
 * file under two names, read-only.
 */
export type Way = "reflink" | "link";

/** The name, which no file of a commit has, under which one is made before it takes another's place; it never stays. */
const temporaryIn = (directory: string) => path.join(directory, `${BUILDING}.share-${process.pid}`);

/** Finds out how a release can share with another, by trying. */
export function wayBetween(from: string, directory: string): Way {
  const temporary = temporaryIn(directory);
  try {
    fs.copyFileSync(releaseJson(from), temporary, fs.constants.COPYFILE_FICLONE_FORCE);
    return "reflink";
  } catch {
    return "link";
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}

export interface Sharing {
  way: Way;
  /** The release that has the file, and the one that gets it. */
  from: string;
  to: string;
  file: SealedFile;
  /** A file stands there already, and its place is taken by one rename. */
  replaces?: boolean;
}

/**
 * Gives a file of one release to another; false where it is no longer what was sealed, or cannot be shared (too many links, another
 * owner, another file system).
 */
export function shareFile({ way, from, to, file, replaces }: Sharing): boolean {
  const source = `${from}/${file.path}`;
  const target = `${to}/${file.path}`;
  const made = replaces ? temporaryIn(to) : target;
  const now = standing(source);
  if (!now || !isUnaltered(now, file)) return false;
  try {
    if (way === "reflink") clone(source, made, now);
    else link(source, made, now);
  } catch (error) {
    fs.rmSync(made, { force: true });
    if (NOT_SHAREABLE.has((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
  if (replaces) fs.renameSync(made, target);
  return true;
}

const NOT_SHAREABLE = new Set([
  "EPERM",
  "EACCES",
  "EMLINK",
  "EXDEV",
  "ENOENT",
  "ENOTSUP",
  "EOPNOTSUPP",
  "EINVAL",
  "ENOSYS",
]);

/** Nobody has written to it or changed its kind or mode since it was sealed, as far as its size and time tell. */
const isUnaltered = (now: fs.Stats, { pristine, isExecutable }: SealedFile) =>
  pristine !== undefined && now.isFile() && isStamped(now, pristine) && ((now.mode & 0o100) !== 0) === isExecutable;

export const isStamped = (now: fs.Stats, stamp: Stamp) => now.size === stamp.size && now.mtimeMs === stamp.mtime;

function clone(source: string, target: string, { mode, mtime }: fs.Stats): void {
  fs.copyFileSync(source, target, fs.constants.COPYFILE_FICLONE_FORCE);
  fs.chmodSync(target, (mode & 0o777) | 0o200);
  fs.utimesSync(target, mtime, mtime);
}

// A write through either name would change both releases.
function link(source: string, target: string, { mode }: fs.Stats): void {
  if ((mode & 0o222) !== 0) fs.chmodSync(source, mode & 0o7555);
  fs.linkSync(source, target);
}
