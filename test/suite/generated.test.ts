import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { applyFiles } from "../../scripts/host/generate.ts";
import {
  BASELINE,
  diffOf,
  type GeneratedFile,
  observeFiles,
  planFiles,
  readBaseline,
} from "../../scripts/suite/generated.ts";

let folder = "";
beforeEach(() => void (folder = fs.mkdtempSync(path.join(os.tmpdir(), "generated-"))));
afterEach(() => fs.rmSync(folder, { recursive: true }));

const file = (name: string, content: string, mode = 0o644): GeneratedFile => ({ path: `ops/${name}`, content, mode });
const at = (name: string) => path.join(folder, "ops", name);
const states = (wanted: GeneratedFile[]) =>
  observeFiles(folder, wanted, readBaseline(folder)).map(({ path: name, state }) => `${name}: ${state}`);

async function write(wanted: GeneratedFile[], force = false): Promise<number> {
  const plan = planFiles(folder, observeFiles(folder, wanted, readBaseline(folder)), readBaseline(folder), { force });
  await applyFiles(plan);
  return plan.steps.filter(({ kind }) => kind !== "mkdir").length;
}

test("what is written is as it is wanted, and a second time nothing is", async () => {
  const wanted = [file("a", "1"), file("b/c.ts", "2", 0o755)];
  expect(await write(wanted)).toBe(3);
  expect(states(wanted)).toEqual(["ops/a: same", "ops/b/c.ts: same"]);
  expect(fs.statSync(at("b/c.ts")).mode & 0o777).toBe(0o755);
  expect(await write(wanted)).toBe(0);
});

test("an older generation is replaced, a file that a person changed is kept unless it is forced", async () => {
  await write([file("a", "1"), file("b", "1")]);
  fs.writeFileSync(at("b"), "mine");
  const wanted = [file("a", "2"), file("b", "2")];
  expect(states(wanted)).toEqual(["ops/a: stale", "ops/b: edited"]);
  await write(wanted);
  expect([fs.readFileSync(at("a"), "utf8"), fs.readFileSync(at("b"), "utf8")]).toEqual(["2", "mine"]);
  expect(states(wanted)).toEqual(["ops/a: same", "ops/b: edited"]);
  await write(wanted, true);
  expect(states(wanted)).toEqual(["ops/a: same", "ops/b: same"]);
});

test("a file that was there before anything was generated is somebody's own", async () => {
  fs.mkdirSync(at("."));
  fs.writeFileSync(at("a"), "mine");
  await write([file("a", "1")]);
  expect(fs.readFileSync(at("a"), "utf8")).toBe("mine");
});

test("what is no longer wanted goes, unless it was edited", async () => {
  await write([file("a", "1"), file("b", "1"), file("c", "1")]);
  fs.writeFileSync(at("b"), "mine");
  const wanted = [file("a", "1")];
  expect(states(wanted)).toEqual(["ops/a: same", "ops/b: unwanted, edited", "ops/c: unwanted"]);
  await write(wanted);
  expect([fs.existsSync(at("b")), fs.existsSync(at("c"))]).toEqual([true, false]);
  expect(states(wanted)).toEqual(["ops/a: same", "ops/b: unwanted, edited"]);
  await write(wanted, true);
  expect(fs.existsSync(at("b"))).toBe(false);
});

test("a launcher that lost its executable bit is stale; one that the group may write to is not", async () => {
  const wanted = [file("a.ts", "1", 0o755)];
  await write(wanted);
  fs.chmodSync(at("a.ts"), 0o775);
  expect(states(wanted)).toEqual(["ops/a.ts: same"]);
  fs.chmodSync(at("a.ts"), 0o644);
  expect(states(wanted)).toEqual(["ops/a.ts: stale"]);
});

test("a record that names files elsewhere removes none of them", async () => {
  fs.mkdirSync(at("."));
  const victim = path.join(folder, "victim");
  fs.writeFileSync(victim, "x");
  const hash = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
  fs.writeFileSync(path.join(folder, BASELINE), JSON.stringify({ files: { "ops/../victim": hash, victim: hash } }));
  await write([], true);
  expect(fs.existsSync(victim)).toBe(true);
});

test("the diff leads from the file as it stands to what would be generated", () => {
  const diff = diffOf({ ...file("a", "one\ntwo\n"), now: "one\nmine\n", state: "edited" });
  expect(diff).toContain("-mine\n+two\n");
  expect(diff.split("\n").slice(0, 2)).toEqual(["--- ops/a (as it stands)", "+++ ops/a (as it would be generated)"]);
});
