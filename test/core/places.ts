import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach } from "vitest";
import { treePaths } from "../../scripts/core/paths.ts";

const made: string[] = [];
afterEach(() => {
  for (const place of made.splice(0)) fs.rmSync(place, { recursive: true, force: true });
});

/** A new directory, its real path; removed after the test. */
export function makePlace(): string {
  const place = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-core-")));
  made.push(place);
  return place;
}

/** The paths of a tree whose root stands, and nothing in it. */
export function makeTree() {
  const paths = treePaths(path.join(makePlace(), "tree"));
  fs.mkdirSync(paths.deployTo);
  return paths;
}

const root = path.resolve(import.meta.dirname, "../..");
export const bun = path.join(root, "ops/_bun");
