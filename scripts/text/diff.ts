import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { inTemporaryFolder } from "../core/temporary.ts";

/** What would change in a file, as a unified diff; empty where nothing would. */
export function diffTexts(name: string, { now, wanted }: { now: string; wanted: string }, then: string): string {
  if (now === wanted) return "";
  return inTemporaryFolder("switchback", (directory) => {
    fs.writeFileSync(path.join(directory, "before"), now);
    fs.writeFileSync(path.join(directory, "after"), wanted);
    const words = ["diff", "--no-index", "--no-color", "--no-ext-diff", "--", "before", "after"];
    const { stdout } = spawnSync("git", words, { cwd: directory, encoding: "utf8" });
    const hunks = stdout.slice(Math.max(0, stdout.indexOf("@@")));
    return `--- ${name} (as it stands)\n+++ ${name} (${then})\n${hunks}`;
  });
}
