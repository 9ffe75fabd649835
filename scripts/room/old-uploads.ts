import fs from "node:fs";
import path from "node:path";
import type { Paths } from "../core/paths.ts";
import type { Step } from "../core/step.ts";

/** So long, in milliseconds, an upload that broke off is kept, to be resumed. */
const KEPT_FOR = 86_400_000;

/**
 * What broken uploads left in `incoming` and nobody touched for a day: absolute. One that becomes a release is gone from there; any
 * other may be on its way, or be resumed.
 */
export function observeOldUploads({ incoming }: Paths, now: Date): string[] {
  if (!fs.existsSync(incoming)) return [];
  // A time of arrival, which the sender cannot set.
  const age = (place: string) => now.getTime() - fs.lstatSync(place).ctimeMs;
  return fs
    .readdirSync(incoming)
    .map((name) => path.join(incoming, name))
    .filter((place) => age(place) > KEPT_FOR);
}

/** Removes them; that one of them cannot be removed keeps nobody from pruning. */
export const planOldUploads = (places: string[]): Step[] =>
  places.map((place) => ({ kind: "remove", title: `Remove ${place}, which broke off`, path: place, optional: true }));
