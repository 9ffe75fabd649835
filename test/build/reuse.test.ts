import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type SealedFile, writeList } from "../../scripts/build/file-list.ts";
import { findOutputs } from "../../scripts/build/outputs.ts";
import { readRelease } from "../../scripts/build/release-tree.ts";
import { applyReuse } from "../../scripts/build/reuse.ts";
import type { Context } from "../../scripts/core/context.ts";
import { treePaths } from "../../scripts/core/paths.ts";

const HOSTILE = "it's a $x; *–ö\\\u00a0";
let tree = "";
let context: Context;

const at = (...parts: string[]) => path.join(tree, "releases", ...parts);
const write = (place: string, text: string) => {
  fs.mkdirSync(path.dirname(at(place)), { recursive: true });
  fs.writeFileSync(at(place), text);
};
const reuse = () => applyReuse(context, { id: "r2", name: "web", from: "r1" });

/** r1 with outputs of all kinds, sealed; r2 begun, with something of its own in their place. */
beforeEach(() => {
  tree = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-reuse-"));
  const build = { web: { outputs: ["web/dist", "web/dist/sub", "page.html"] }, none: { outputs: [] } };
  context = { manifest: { build }, paths: treePaths(tree), opsPath: "/suite/ops", flags: [] } as unknown as Context;
  write("r1/web/dist/a", "a");
  write(`r1/web/dist/sub/${HOSTILE}`, "b");
  write("r1/page.html", "page");
  fs.mkdirSync(at("r1/web/dist/empty"));
  fs.chmodSync(at("r1/web/dist/a"), 0o751);
  fs.chmodSync(at("r1/web/dist/sub"), 0o2750);
  fs.symlinkSync("../../../outside", at("r1/web/dist/link"));
  fs.utimesSync(at("r1/web/dist/a"), 1_000_000_000.25, 1_000_000_000.25);
  seal();
  write("r2/.building", "{}");
  write("r2/web/dist/old", "of the commit");
  write("outside", "");
});

afterEach(() => fs.rmSync(tree, { recursive: true, force: true }));

const list = (): SealedFile[] => readRelease(at("r1"));
function seal(): void {
  fs.rmSync(at("r1/RELEASE.files.gz"), { force: true });
  writeList(at("r1"), list(), undefined);
  write("r1/RELEASE.json", "{}");
}
const found = () => findOutputs(at("r1"), context.manifest.build["web"]?.outputs ?? [])?.map((file) => file.path);

test("files, links, modes and times are taken, and what the commit has there is gone", () => {
  reuse();
  expect(fs.readdirSync(at("r2/web/dist")).toSorted()).toEqual(["a", "empty", "link", "sub"]);
  expect(fs.readFileSync(at(`r2/web/dist/sub/${HOSTILE}`), "utf8")).toBe("b");
  expect(fs.readlinkSync(at("r2/web/dist/link"))).toBe("../../../outside");
  const [file, directory] = [fs.statSync(at("r2/web/dist/a")), fs.statSync(at("r2/web/dist/sub"))];
  expect([file.mode & 0o7777, directory.mode & 0o7777]).toEqual([0o751, 0o2750]);
  expect([file.mtimeMs, file.nlink]).toEqual([1_000_000_000_250, 1]);
  expect(directory.mtimeMs).toBeCloseTo(fs.statSync(at("r1/web/dist/sub")).mtimeMs, 2);
  expect(fs.statSync(at("r2/web/dist")).mtimeMs).toBeCloseTo(fs.statSync(at("r1/web/dist")).mtimeMs, 2);
});

test("what was added since is not taken, nor a directory of it", () => {
  write("r1/web/dist/__pycache__/x.pyc", "");
  expect(found()).toHaveLength(4);
  reuse();
  expect(fs.existsSync(at("r2/web/dist/__pycache__"))).toBe(false);
});

const ALTERATIONS: [what: string, alter: () => void][] = [
  [
    "other bytes of the same size and time",
    () => {
      fs.writeFileSync(at("r1/web/dist/a"), "X");
      fs.utimesSync(at("r1/web/dist/a"), 1_000_000_000.25, 1_000_000_000.25);
    },
  ],
  ["a mode", () => fs.chmodSync(at("r1/web/dist/a"), 0o640)],
  ["a file that is gone", () => fs.rmSync(at("r1/page.html"))],
  [
    "a link that leads elsewhere",
    () => {
      fs.rmSync(at("r1/web/dist/link"));
      fs.symlinkSync("/etc/passwd", at("r1/web/dist/link"));
    },
  ],
  [
    "a link in a file's place",
    () => {
      fs.rmSync(at("r1/page.html"));
      fs.symlinkSync("web/dist/a", at("r1/page.html"));
    },
  ],
  [
    "a directory in a file's place",
    () => {
      fs.rmSync(at("r1/page.html"));
      fs.mkdirSync(at("r1/page.html"));
    },
  ],
  [
    "a link above the outputs",
    () => {
      fs.renameSync(at("r1/web"), at("r1/real"));
      fs.symlinkSync("real", at("r1/web"));
    },
  ],
  ["no list", () => fs.rmSync(at("r1/RELEASE.files.gz"))],
];

test.each(ALTERATIONS)("%s: the outputs are neither found nor taken", (_, alter) => {
  expect(found()).toHaveLength(4);
  alter();
  expect(found()).toBeUndefined();
  expect(reuse).toThrow(/in r1 is not what was built there/);
});

test("a link by an absolute path into the tree's releases is not found: it would outlive what it names", () => {
  fs.symlinkSync(at("r1/page.html"), at("r1/web/dist/absolute"));
  seal();
  expect(found()).toBeUndefined();
});

test("nothing is written through a link of the new release, nor into one that is complete", () => {
  fs.rmSync(at("r2/web"), { recursive: true });
  fs.mkdirSync(path.join(tree, "out"));
  fs.symlinkSync("../../out", at("r2/web"));
  expect(reuse).toThrow(/web is a symbolic link in the release/);
  expect(fs.readdirSync(path.join(tree, "out"))).toEqual([]);
  fs.rmSync(at("r2/.building"));
  expect(reuse).toThrow(/r2 is not being built/);
});

test("a link of the commit in the outputs' own place is taken away, and what it leads to stays", () => {
  fs.rmSync(at("r2/web/dist"), { recursive: true });
  write("r2/src/kept", "");
  fs.symlinkSync("../src", at("r2/web/dist"));
  reuse();
  expect(fs.readdirSync(at("r2/src"))).toEqual(["kept"]);
  expect(fs.lstatSync(at("r2/web/dist")).isDirectory()).toBe(true);
});

test.each([
  { id: "../r2", name: "web", from: "r1" },
  { id: "r2", name: "web", from: "../../etc" },
  { id: "r2", name: "none", from: "r1" },
  { id: "r2", name: "constructor", from: "r1" },
])("words that name nothing are refused: %j", (words) => {
  expect(() => applyReuse(context, words)).toThrow(/no release id|has no outputs/);
});
