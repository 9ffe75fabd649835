import fs from "node:fs";
import path from "node:path";
import { git } from "./checkout.ts";

/** A file's text; undefined where it is none, or too large to be source. */
export function readText(file: string): string | undefined {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat?.isFile() && stat.size < 8 * 1024 * 1024 ? fs.readFileSync(file, "utf8") : undefined;
}

/** The object that a file of JSON holds; empty where it holds none. */
export function readObject(file: string): Record<string, unknown> {
  try {
    return entriesOf(JSON.parse(readText(file) ?? "{}"));
  } catch {
    return {};
  }
}

/** A map as it is; empty for anything else. */
export const entriesOf = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

/** Of `names`, what a commit would have: a lockfile that git ignores is in no release. */
export function committable(place: string, names: string[]): string[] {
  if (names.length === 0) return [];
  const ignored = new Set(git(place, "check-ignore", "--", ...names).split("\n"));
  return names.filter((name) => !ignored.has(name) && fs.existsSync(path.join(place, name)));
}
