import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { whyNoHosts } from "../hosts/able.ts";
import { has, root } from "./place.ts";
import { isMet, renderAim, renderMarkdown, type Row } from "./table.ts";

const bench = (...words: string[]) => {
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), "bench-test-"));
  const { status, stdout, stderr } = spawnSync(
    path.join(root, "ops/_bun"),
    [`${import.meta.dirname}/bench.ts`, ...words],
    {
      encoding: "utf8",
      env: { ...process.env, TMPDIR: temporary },
    },
  );
  const left = fs.readdirSync(temporary);
  fs.rmSync(temporary, { recursive: true, force: true });
  return { status, stdout, stderr, left };
};

const firstCells = (table: string) =>
  table
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| ---") && !line.startsWith("|  |"))
    .map((line) => line.split(" | ")[0]?.slice(2).replaceAll(/\d+/g, "N"));

// Whole builds, and many of them: on a busy machine that is minutes.
const timeout = 300_000;

describe.skipIf(!has("git") || !has("npm") || !has("python3"))(
  "the bench (needs git, npm and python3)",
  { timeout },
  () => {
    test("measures every row by every way that there is here, and leaves nothing behind", () => {
      const { status, stdout, stderr, left } = bench("--quick", "--markdown");
      expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
      expect(firstCells(stdout)).toEqual([
        "Build from nothing",
        "Rebuild, nothing changed",
        "Rebuild, one backend file changed",
        "Rebuild, lockfile changed",
        "Switch, without services and gate",
        "Rollback, without services and gate",
        "Prune of N releases",
        "List with N releases",
        "Disk of N releases, N % of N files changed in each",
        ...(whyNoHosts() === undefined ? ["Deploy to N host, one file changed"] : []),
      ]);
      expect(stdout).not.toContain("NaN");
      expect(stdout.includes("Capistrano, local")).toBe(has("cap"));
      expect(left).toEqual([]);
    });

    test("measures another repository, and a row that does not run is exit code 1", () => {
      const repo = fs.mkdtempSync(path.join(os.tmpdir(), "bench-other-"));
      const git = (...words: string[]) =>
        spawnSync("git", ["-C", repo, "-c", "user.name=a", "-c", "user.email=a@b", ...words]);
      git("init", "-q");
      fs.writeFileSync(path.join(repo, "README.md"), "One\n");
      git("add", "--all");
      git("commit", "-q", "-m", "One");
      const before = spawnSync("find", [repo, "-printf", "%p %T@ %i %s\n"], { encoding: "utf8" }).stdout;
      const fine = bench("--quick", "--markdown", "--repo", repo, "--rows", "unchanged,disk");
      expect({ status: fine.status, left: fine.left }, fine.stderr).toEqual({ status: 0, left: [] });
      expect(firstCells(fine.stdout)).toHaveLength(2);
      fs.writeFileSync(`${repo}.yaml`, "app: other\nbuild: { broken: { run: exit 7 } }\n");
      const broken = bench("--quick", "--repo", repo, "--manifest", `${repo}.yaml`, "--rows", "build");
      expect({ status: broken.status, left: broken.left }).toEqual({ status: 1, left: [] });
      expect(broken.stderr).toContain("build: build_release.ts");
      expect(spawnSync("find", [repo, "-printf", "%p %T@ %i %s\n"], { encoding: "utf8" }).stdout).toBe(before);
      for (const place of [repo, `${repo}.yaml`]) fs.rmSync(place, { recursive: true });
    });
  },
);

describe("the table", () => {
  const aim = { text: "of tar", value: 1.6, limit: 1.5, unit: "×" } as const;

  test("says by how much an aim is missed, in both directions", () => {
    expect(renderAim(aim)).toBe("of tar: 1.60 ×, aim ≤ 1.5 ×: missed by 0.10 ×");
    expect(renderAim({ ...aim, value: 1.5 })).toBe("of tar: 1.50 ×, aim ≤ 1.5 ×: met");
    expect(renderAim({ ...aim, isAtLeast: true, value: 12, limit: 10 })).toBe("of tar: 12.0 ×, aim ≥ 10 ×: met");
    expect(isMet({ ...aim, isAtLeast: true, value: 9, limit: 10 })).toBe(false);
  });

  test("has a column for each who was measured, with ratios to switchback", () => {
    const row: Row = {
      name: "switch",
      title: "Switch",
      cells: [
        { column: "switchback", name: "switch_current.ts", unit: "ms", values: [50, 40, 60] },
        { column: "floor", name: "a | b", unit: "ms", values: [5] },
      ],
      aims: [aim],
    };
    expect(renderMarkdown([row], ["a machine"])).toBe(`|  | switchback | the floor | aim |
| --- | --- | --- | --- |
| Switch | 50 ms | 5.0 ms (0.10 ×) a \\| b | of tar: 1.60 ×, aim ≤ 1.5 ×: missed by 0.10 × |

- a machine
`);
  });
});
