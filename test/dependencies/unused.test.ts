import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Context } from "../../scripts/core/context.ts";
import { treePaths } from "../../scripts/core/paths.ts";
import {
  judgeSet,
  type KeptSet,
  observeDependencyUse,
  unfinishedSets,
  withRelease,
} from "../../scripts/dependencies/unused.ts";

const A = "aaaaaaaaaaaaaaaa";
const B = "bbbbbbbbbbbbbbbb";
let tree: string;
let context: Context;

beforeEach(() => {
  tree = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-unused-")));
  context = {
    manifest: { dependencies: { backend: { path: "backend/.venv" } } },
    paths: treePaths(tree),
  } as unknown as Context;
  for (const key of [A, B]) put(`shared/deps/backend/${key}/.complete`, "{}");
});
afterEach(() => fs.rmSync(tree, { recursive: true, force: true }));

function put(place: string, text: string): void {
  fs.mkdirSync(path.dirname(path.join(tree, place)), { recursive: true });
  fs.writeFileSync(path.join(tree, place), text);
}

const release = (id: string, deps: object, file = "RELEASE.json") =>
  put(`releases/${id}/${file}`, JSON.stringify({ deps }));
const byOf = (key: string) => observeDependencyUse(context).sets.find(({ place }) => place === `backend/${key}`)?.by;

describe("a set is referred to", () => {
  test("by what releases say, whether the registry knows them or not, and by nothing of another name", () => {
    release("r1", { backend: A, frontend: B });
    release("by-hand", { backend: A });
    expect(byOf(A)?.toSorted()).toEqual(["by-hand", "r1"]);
    expect(byOf(B)).toEqual([]);
  });

  test("by the mark of a build that is not known to be over", () => {
    release("r2", { backend: B }, ".building");
    expect(byOf(B)).toEqual(["r2"]);
  });

  test("by a link, whatever RELEASE.json says", () => {
    release("r1", {});
    fs.mkdirSync(path.join(tree, `shared/deps/backend/${B}/backend/.venv`), { recursive: true });
    fs.mkdirSync(path.join(tree, "releases/r1/backend"), { recursive: true });
    fs.symlinkSync(`../../../shared/deps/backend/${B}/backend/.venv`, path.join(tree, "releases/r1/backend/.venv"));
    expect([byOf(A), byOf(B)]).toEqual([[], ["r1"]]);
  });

  test("by a release of which nothing can be read: then all stay", () => {
    put("releases/r1/RELEASE.json", "{");
    expect([byOf(A), byOf(B)]).toEqual([["r1"], ["r1"]]);
  });

  test("by releases elsewhere, where current leads or DEPLOY_RELEASES_DIR says", () => {
    put(`elsewhere/r1/RELEASE.json`, JSON.stringify({ deps: { backend: A } }));
    fs.symlinkSync("elsewhere/r1", path.join(tree, "current"));
    release("r2", { backend: B });
    expect(byOf(A)).toEqual(["r1"]);
    context = { ...context, paths: treePaths(tree, { DEPLOY_RELEASES_DIR: path.join(tree, "other") }) };
    expect(byOf(B)).toEqual(["r2"]);
  });

  test("not by one on its way out, nor by an environment outside of the tree", () => {
    release(".removing-r1", { backend: A });
    release("r2", { backend: "/opt/conda/envs/medc" });
    expect([byOf(A), byOf(B)]).toEqual([[], []]);
  });
});

test.runIf(process.platform === "linux")("a process that has a file of a set open keeps it", () => {
  const user = spawn("tail", ["-f", path.join(tree, `shared/deps/backend/${A}/.complete`)], { stdio: "ignore" });
  try {
    const opened = () => observeDependencyUse(context).sets.map((set) => judgeSet(set, []).goes);
    const deadline = Date.now() + 5000;
    while (opened().every(Boolean) && Date.now() < deadline);
    expect(
      Object.fromEntries(observeDependencyUse(context).sets.map((set) => [set.place, judgeSet(set, []).goes])),
    ).toEqual({
      [`backend/${A}`]: false,
      [`backend/${B}`]: true,
    });
  } finally {
    user.kill("SIGKILL");
  }
});

describe("a set stays or goes", () => {
  const set = (more: Partial<KeptSet>): KeptSet => ({
    place: `backend/${A}`,
    directory: "/x",
    isComplete: true,
    by: [],
    ...more,
  });

  test.each<[Partial<KeptSet>, string[], boolean, string]>([
    [{ by: ["r1"] }, [], false, "for r1"],
    [{ by: ["r1", "r2"] }, ["r1"], false, "for r2"],
    [{ by: ["r1", "r2", "r3", "r4"] }, [], false, "for r1 and 3 more"],
    [{ by: ["r1", "r2"] }, ["r1", "r2"], true, "only r1, r2 had it"],
    [{}, ["r1"], true, "no release has it"],
    [{ isComplete: false }, [], true, "it was never finished"],
    [{ isComplete: false, by: ["r1"] }, [], false, "for r1"],
  ])("%o without %o", (more, going, goes, why) => {
    expect(judgeSet(set(more), going)).toEqual({ goes, why });
  });

  test("a deploy spares what the release that it builds will link to, finished or not", () => {
    const use = {
      sets: [set({}), set({ directory: "/y", isComplete: false }), set({ directory: "/z" })],
      removing: [],
    };
    const after = withRelease(use, "r9", [{ directory: "/x" }, { directory: "/y" }]);
    expect(after.sets.map((one) => judgeSet(one, ["r1"]).goes)).toEqual([false, false, true]);
  });

  test("recovery removes what is unfinished, and nothing that a finished release refers to", () => {
    const left = [set({ directory: "/a", isComplete: false }), set({ directory: "/b", isComplete: false, by: ["r9"] })];
    const kept = [set({ directory: "/c", isComplete: false, by: ["r9", "r1"] }), set({ directory: "/d" })];
    expect(unfinishedSets({ sets: [...left, ...kept], removing: ["/e"] }, ["r9"])).toEqual(["/e", "/a", "/b"]);
  });
});
