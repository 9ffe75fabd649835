import fs from "node:fs";
import path from "node:path";
import { writeDurably } from "../core/durable.ts";

/** What a sealed release says of itself, absolute. */
export const releaseJson = (directory: string) => path.join(directory, "RELEASE.json");

/** Writes it again, with the time at which the release was sealed: by that is told what was touched since. */
export function rewriteReleaseJson(directory: string, release: object): void {
  const file = releaseJson(directory);
  const { atime, mtime } = fs.statSync(file);
  writeDurably(file, `${JSON.stringify(release, null, 2)}\n`, 0o644);
  fs.utimesSync(file, atime, mtime);
}

/** Reads it; undefined where there is none, or none that can be read. */
export function readReleaseJson(directory: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(fs.readFileSync(releaseJson(directory), "utf8")) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
