import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { FailedError } from "../core/errors.ts";
import { releasePath } from "../core/paths.ts";
import { trackedIn } from "./git-trees.ts";
import { type Inheritance, inheritanceOf } from "./inheritance.ts";
import { readMark } from "./mark.ts";
import { shareFile, wayBetween } from "./sharing.ts";
import { renderExtraction } from "./source.ts";

/** Paths for one `git archive`: each is compared with each file of the commit, and a command line has its limit. */
const MOST_AT_ONCE = 500;
const MOST_BYTES = 90_000;

/** Fills a release that is being built: what its base has unchanged is shared, the rest comes from the commit. */
export function applyFill(context: Context, id: string): void {
  const directory = releasePath(context.paths, id);
  const mark = readMark(directory);
  const base = inheritanceOf(context, mark);
  const places = [...(trackedIn(context.manifest.source.repo, mark.sha)?.keys() ?? [])];
  const way = base && wayBetween(base.directory, directory);
  // One file under two names is for the seal, where a build step could still write into it.
  const isNow = way === "reflink" || (way === "link" && mark.isQuiet);
  if (!base || !isNow || isMostNew(places, base)) return extract(context, mark.sha, directory);
  const makeParent = parentMaker(directory);
  const rest = places.filter((place) => {
    const file = base.fileAt(place);
    if (!file) return true;
    makeParent(place);
    return !shareFile({ way, from: base.directory, to: directory, file });
  });
  for (const some of chunksOf(rest)) extract(context, mark.sha, directory, some);
}

function isMostNew(places: string[], base: Inheritance): boolean {
  const count = places.filter((place) => !base.fileAt(place)).length;
  return count > MOST_AT_ONCE && count > places.length / 2;
}

/** Makes directories as an extraction makes them: root's tar sets their mode whatever the umask is. */
function parentMaker(directory: string): (place: string) => void {
  const made = new Set(["."]);
  const isExact = process.geteuid?.() === 0;
  const make = (parent: string) => {
    if (made.has(parent)) return;
    make(path.posix.dirname(parent));
    fs.mkdirSync(`${directory}/${parent}`, { mode: 0o755 });
    if (isExact) fs.chmodSync(`${directory}/${parent}`, 0o755);
    made.add(parent);
  };
  return (place) => make(path.posix.dirname(place));
}

function* chunksOf(places: string[]): Generator<string[]> {
  let some: string[] = [];
  let bytes = 0;
  for (const place of places) {
    bytes += Buffer.byteLength(place) + 1;
    if (some.length > 0 && (some.length === MOST_AT_ONCE || bytes > MOST_BYTES)) {
      yield some;
      [some, bytes] = [[], Buffer.byteLength(place) + 1];
    }
    some.push(place);
  }
  if (some.length > 0) yield some;
}

/** Extracts a commit, or only some of its paths. */
function extract({ manifest }: Context, sha: string, directory: string, places?: string[]): void {
  const { source } = manifest;
  const lines = renderExtraction(source, { repo: source.repo, sha }, directory, [], places && '"$@"');
  const words = ["-euo", "pipefail", "-c", lines.join("\n"), "fill", ...(places ?? [])];
  const { status, stderr, error } = spawnSync("bash", words, { encoding: "utf8", maxBuffer: 16 * 1024 * 1024 });
  if (error || status !== 0)
    throw new FailedError(
      `the files of ${sha.slice(0, 12)} could not be extracted: ${error?.message ?? stderr.trim()}`,
    );
}
