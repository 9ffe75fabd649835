import fs from "node:fs";
import path from "node:path";

/** What a file system has left for this user. */
export interface Room {
  freeBytes: number;
  /** Infinite where inodes are not counted: btrfs and others report none at all. */
  freeFiles: number;
}

/** The room at a place, or where the nearest directory above it is that exists already. */
export function observeRoom(place: string): Room {
  if (!fs.existsSync(place)) return observeRoom(path.dirname(place));
  const { bavail, bsize, ffree, files } = fs.statfsSync(place);
  return { freeBytes: bavail * bsize, freeFiles: files === 0 ? Number.POSITIVE_INFINITY : ffree };
}
