import fs from "node:fs";
import path from "node:path";
import { standing } from "../core/durable.ts";
import { hashFile } from "../core/hash-file.ts";
import { readList, type SealedFile } from "./file-list.ts";
import { above, holds } from "./places.ts";
import { releaseJson } from "./release-json.ts";
import { isReadable } from "../core/access.ts";

/**
 * What a sealed release lists of some places; undefined where something of it is gone, altered, or leads back into a release that
 * will be pruned. What was added since (caches) is not in the list and does not count.
 */
export function findOutputs(directory: string, outputs: string[]): SealedFile[] | undefined {
  const listed = listedIn(directory, outputs);
  const isWhole = outputs.every(
    (place) => isReached(directory, place) && listed.some((file) => holds(place, file.path)),
  );
  if (!isWhole) return undefined;
  const sealed = fs.statSync(releaseJson(directory)).mtimeMs;
  return listed.every((file) => isUnaltered(directory, file, sealed)) ? listed : undefined;
}

/** The list of what a release was sealed with, of some places; empty where there is no list. */
export function listedIn(directory: string, places: string[]): SealedFile[] {
  try {
    const files = [...readList(directory).files.values()];
    return files.filter((file) => places.some((place) => holds(place, file.path)));
  } catch {
    return [];
  }
}

/** Whether no place above is a link that leads elsewhere. */
export const isReached = (directory: string, place: string) =>
  above(place).every((parent) => standing(path.join(directory, parent))?.isSymbolicLink() !== true);

function isUnaltered(directory: string, file: SealedFile, sealed: number): boolean {
  const place = path.join(directory, file.path);
  const now = standing(place);
  if (!now) return false;
  if (now.isSymbolicLink()) return file.content === `-> ${fs.readlinkSync(place)}` && !leadsBack(directory, place);
  if (!now.isFile() || ((now.mode & 0o100) !== 0) !== file.isExecutable) return false;
  // What somebody else built may be for that user alone. Whatever is done to a file gives it a new ctime, which nobody can set: only then it has to be read.
  return isReadable(place) && (now.ctimeMs <= sealed || hashFile(place) === file.content);
}

// A link by an absolute path would lead into the old release for ever, and to nothing once that is pruned.
function leadsBack(directory: string, link: string): boolean {
  const target = fs.readlinkSync(link);
  return path.isAbsolute(target) && holds(path.dirname(directory), path.normalize(target));
}
