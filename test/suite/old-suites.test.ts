import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { treePaths } from "../../scripts/core/paths.ts";
import { newerThere } from "../../scripts/remote/connection.ts";
import { observeOldSuites, planOldSuites } from "../../scripts/room/old-suites.ts";
import { suiteVersion } from "../../scripts/suite/install.ts";
import { compareVersions } from "../../scripts/suite/versions.ts";

let tree: string;
beforeEach(() => void (tree = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "old-suites-")))));
afterEach(() => fs.rmSync(tree, { recursive: true }));

const put = (...versions: string[]) => {
  for (const version of versions) {
    fs.mkdirSync(path.join(tree, "suite", version, "ops"), { recursive: true });
    fs.writeFileSync(path.join(tree, "suite", version, "package.json"), "{}");
  }
};
const old = () => observeOldSuites(treePaths(tree)).map((place) => path.relative(path.join(tree, "suite"), place));

test("versions are ordered by their numbers, and a beta comes before what it leads to", () => {
  const sorted = ["0.2.0-beta.2", "0.2.0-beta.10", "0.2.0", "0.9.1", "0.10.0", "1.0.0"];
  expect(sorted.toReversed().toSorted(compareVersions)).toEqual(sorted);
  expect(compareVersions("1.0.0", "1.0.0")).toBe(0);
});

test("the newest two stay, and the one that ops leads to; what is half there is nobody's version", () => {
  expect(old()).toEqual([]);
  put("0.9.0", "0.10.0");
  expect(old()).toEqual([]);
  put("0.8.0", "0.2.0", ".taking-0.1.0");
  fs.mkdirSync(path.join(tree, "suite/0.1.0"));
  fs.symlinkSync("/nowhere", path.join(tree, "suite/0.0.1"));
  expect(old()).toEqual(["0.2.0", "0.8.0"]);
  fs.symlinkSync("suite/0.2.0/ops", path.join(tree, "ops"));
  expect(old()).toEqual(["0.8.0"]);
  expect(planOldSuites(["/t/suite/0.8.0"])).toMatchObject([{ kind: "remove", path: "/t/suite/0.8.0", optional: true }]);
});

test.skipIf(process.platform !== "linux")("one that a process works in stays", async () => {
  put("0.1.0", "0.2.0", "0.3.0");
  const child = spawn("sleep", ["60"], { cwd: path.join(tree, "suite/0.1.0"), stdio: "ignore" });
  await new Promise((resolve) => void child.once("spawn", resolve));
  expect(old()).toEqual([]);
  const ended = new Promise((resolve) => void child.once("close", resolve));
  child.kill();
  await ended;
  expect(old()).toEqual(["0.1.0"]);
});

test("a host that has a newer one than runs here", () => {
  expect(newerThere([])).toBeUndefined();
  expect(newerThere([suiteVersion(), "0.0.1"])).toBeUndefined();
  expect(newerThere(["999.0.0", "1000.0.0", suiteVersion()])).toBe("1000.0.0");
});
