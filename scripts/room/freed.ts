import fs from "node:fs";
import path from "node:path";

/** Room on a file system: bytes, and files as inodes count them. */
export interface Amount {
  bytes: number;
  files: number;
}

/** Of an inode: the links to it that were met, and all that there are. */
interface Met {
  links: number;
  all: number;
  bytes: number;
}

/** What removing these directories really gives back: blocks (of 512 bytes, stat(2)), without files that something else links to. */
export function freedBy(directories: string[]): Amount {
  const met = new Map<string, Met>();
  for (const directory of directories) meet(directory, met);
  const freed = [...met.values()].filter(({ links, all }) => links >= all);
  return { bytes: freed.reduce((sum, { bytes }) => sum + bytes, 0), files: freed.length };
}

function meet(place: string, met: Map<string, Met>): void {
  const stat = fs.lstatSync(place, { throwIfNoEntry: false });
  if (!stat) return;
  const key = `${stat.dev}:${stat.ino}`;
  // A directory's links are its own entries.
  const all = stat.isDirectory() ? 1 : stat.nlink;
  met.set(key, { links: (met.get(key)?.links ?? 0) + 1, all, bytes: stat.blocks * 512 });
  if (stat.isDirectory()) for (const name of fs.readdirSync(place)) meet(path.join(place, name), met);
}
