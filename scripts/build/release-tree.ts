import fs from "node:fs";
import path from "node:path";
import { standing } from "../core/durable.ts";
import { FailedError } from "../core/errors.ts";
import { hashFile } from "../core/hash-file.ts";
import { BUILDING } from "../core/paths.ts";
import { LIST, type SealedFile, WHOLE } from "./file-list.ts";

/** Not part of what was built: the seal itself, and the mark that it removes. */
const OWN = new Set(["RELEASE.json", LIST, WHOLE, BUILDING]);

/**
 * Gives every file and link of a release to `visit`, by its path in the release, as it stands.
 * @throws FailedError for a name that is no UTF-8, which this runtime cannot hold
 */
export function walkRelease(directory: string, visit: (place: string, stat: fs.Stats) => void): void {
  const look = (place: string) => {
    const stat = standing(`${directory}/${place}`);
    // A cache of a release that serves may be gone by now.
    if (stat) visit(place, stat);
    else if (place.includes("\uFFFD")) throw new FailedError(`${place}: its name is no UTF-8`, { next: "rename it" });
  };
  const walk = (relative: string) => {
    for (const entry of fs.readdirSync(path.join(directory, relative), { withFileTypes: true })) {
      const place = relative ? `${relative}/${entry.name}` : entry.name;
      if (OWN.has(place)) continue;
      if (entry.isDirectory()) walk(place);
      else if (entry.isSymbolicLink() || entry.isFile()) look(place);
    }
  };
  walk("");
}

/** What a file or link of a release holds now; all of it is read. */
export const readFile = (directory: string, place: string, stat: fs.Stats): SealedFile => ({
  path: place,
  content: stat.isSymbolicLink() ? `-> ${fs.readlinkSync(`${directory}/${place}`)}` : hashFile(`${directory}/${place}`),
  isExecutable: stat.isFile() && (stat.mode & 0o100) !== 0,
});

/** Reads a whole release: its files as they are now. */
export function readRelease(directory: string): SealedFile[] {
  const files: SealedFile[] = [];
  walkRelease(directory, (place, stat) => files.push(readFile(directory, place, stat)));
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
