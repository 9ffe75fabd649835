import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** What would change in a file, as a unified diff; empty where nothing would. */
export function diffTexts(name: string, { now, wanted }: { now: string; wanted: string }, then: string): string {
  if (now === wanted) return "";
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-"));
  try {
    fs.writeFileSync(path.join(directory, "before"), now);
    fs.writeFileSync(path.join(directory, "after"), wanted);
    const words = ["diff", "--no-index", "--no-color", "--no-ext-diff", "--", "before", "after"];
    const { stdout } = spawnSync("git", words, { cwd: directory, encoding: "utf8" });
    const hunks = stdout.slice(Math.max(0, stdout.indexOf("@@")));
    return `--- ${name} (as it stands)\n+++ ${name} (${then})\n${hunks}`;
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}
