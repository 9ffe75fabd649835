import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { manifestSchema } from "../../manifest.schema.ts";
import { writeList } from "../../scripts/build/file-list.ts";
import { readRelease } from "../../scripts/build/release-tree.ts";
import { observeSteps, type StepFact } from "../../scripts/build/steps.ts";
import type { SourceFacts } from "../../scripts/build/source.ts";
import type { Context } from "../../scripts/core/context.ts";
import type { TreeFacts } from "../../scripts/core/observe.ts";
import { treePaths } from "../../scripts/core/paths.ts";
import { HEAD, headlinesOf } from "../manifest/manifests.ts";

const WEB = { run: "make", inputs: ["web"], outputs: ["web/dist"] };
let [repo, tree] = ["", ""];
let releases: string[] = [];

const git = (...words: string[]) =>
  execFileSync("git", ["-C", repo, "-c", "user.name=test", "-c", "user.email=test@localhost", ...words], {
    encoding: "utf8",
  }).trim();

function commit(place: string, text: string): void {
  fs.mkdirSync(path.dirname(path.join(repo, place)), { recursive: true });
  fs.writeFileSync(path.join(repo, place), text);
  git("add", "-A");
  git("commit", "-q", "--allow-empty", "-m", "one");
}

beforeEach(() => {
  repo = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-steps-"));
  tree = path.join(repo, ".tree");
  releases = [];
  git("init", "-q");
  fs.writeFileSync(path.join(repo, ".gitignore"), ".tree\n");
  commit("web/a", "a");
});

afterEach(() => fs.rmSync(repo, { recursive: true, force: true }));

/** Looks at the build steps of a manifest, as a build of HEAD would; skipped: those whose `when` is not there. */
function look(more: object, { isCached = true, skipped = [] as string[] } = {}): Record<string, StepFact> {
  const manifest = manifestSchema.parse({ app: "x", deploy_to: tree, source: { repo }, build: { web: WEB }, ...more });
  const context = { manifest, paths: treePaths(tree) } as unknown as Context;
  const rows = new Map(releases.map((id) => [id, {}]));
  const facts = { rows, ids: releases } as unknown as TreeFacts;
  const source = { repo, ref: "HEAD", sha: git("rev-parse", "HEAD") } as SourceFacts;
  const steps = observeSteps(context, { source, tools: [], sets: [], skipped, tree: facts, isCached });
  return Object.fromEntries(steps.map((step) => [step.name, step]));
}

/** Seals a release with a step's output, as the newest. */
function seal(id: string, steps: Record<string, string | undefined>): void {
  const directory = path.join(tree, "releases", id);
  fs.mkdirSync(path.join(directory, "web/dist"), { recursive: true });
  fs.writeFileSync(path.join(directory, "web/dist/app.js"), id);
  writeList(directory, readRelease(directory), undefined);
  fs.writeFileSync(path.join(directory, "RELEASE.json"), JSON.stringify({ sha: git("rev-parse", "HEAD"), steps }));
  releases.unshift(id);
}

const keyOf = () => look({})["web"]?.key;
const webOf = (more: object) => look(more)["web"];

test("the newest release with the key gives the outputs; one that is built, or goes without a list, does not", () => {
  const key = keyOf();
  expect(webOf({})).toEqual({ name: "web", key, missing: [] });
  for (const id of ["r1", "r2", "r3", "r4"]) seal(id, { web: key });
  fs.writeFileSync(path.join(tree, "releases/r4/.building"), "");
  fs.rmSync(path.join(tree, "releases/r3/RELEASE.files.gz"));
  expect(webOf({})?.from).toBe("r2");
  expect(look({}, { isCached: false })["web"]).toEqual({ name: "web", key, missing: [] });
});

test("one of another key does not, and what changed since is said", () => {
  seal("r1", { web: keyOf() });
  commit("web/b", "b");
  expect(webOf({})).toMatchObject({ why: "web changed since r1" });
  expect(webOf({})?.from).toBeUndefined();
  seal("r2", { web: keyOf() });
  expect(webOf({ build: { web: { ...WEB, env: { A: "1" } } } })?.why).toBe(
    "its inputs, command, environment, tools or dependencies changed since r2",
  );
});

test("no more than the fifty newest are looked at", () => {
  seal("old", { web: keyOf() });
  for (let i = 0; i < 49; i++) releases.unshift(`r${i}`);
  expect(webOf({})?.from).toBe("old");
  releases.unshift("r49");
  expect(webOf({})?.from).toBeUndefined();
});

const tokens = { run: "make", inputs: ["design"], outputs: ["web/tokens"] };

test.each([
  ["a hook in front", { hooks: { before_build: "true" } }, "hooks.before_build may change what it reads"],
  ["a hook behind", { hooks: { after_build: "true" } }, "hooks.after_build may change what it made"],
  [
    "another that writes there",
    { build: { web: WEB, gzip: { run: "x", outputs: ["web/dist/gz"] } } },
    "build.gzip writes where it does",
  ],
  [
    "what it reads always runs",
    { build: { tokens: { ...tokens, inputs: [] }, web: WEB } },
    "it reads what build.tokens makes, and that always runs",
  ],
  [
    "an input in shared/",
    { linked_dirs: ["web"], build: { web: { ...WEB, inputs: ["web/x"], outputs: ["out"] } } },
    "its input web/x lies in shared/",
  ],
])("no key: %s", (_, more, why) => {
  expect(webOf(more)).toMatchObject({ name: "web", why });
  expect(webOf(more)?.key).toBeUndefined();
});

test("no key where files tell of the commit", () => {
  commit("web/.gitattributes", "version export-subst\n");
  expect(webOf({})).toEqual({ name: "web", why: "export-subst writes of the commit into files", missing: [] });
});

test("a step that declares nothing keeps no other from its key; one that is skipped has none", () => {
  const plain = { run: "pip install" };
  expect(webOf({ build: { api: plain, web: WEB } })?.key).toBe(keyOf());
  expect(look({ build: { web: { ...WEB, when: "npm" } } }, { skipped: ["web"] })).toEqual({});
});

test("the key of a step holds the keys of what it reads, and of nothing that it does not", () => {
  const build = (run: string) => ({
    build: { tokens: { ...tokens, run }, web: WEB, docs: { run: "x", inputs: ["docs"], outputs: ["site"] } },
  });
  const [one, other] = [look(build("a")), look(build("b"))];
  expect(one["web"]?.key).not.toBe(other["web"]?.key);
  expect(one["docs"]?.key).toBe(other["docs"]?.key);
  expect([one["tokens"]?.missing, one["web"]?.missing, one["docs"]?.missing]).toEqual([["design"], [], ["docs"]]);
});

test("a linked directory in an input does not count, a linked file does", () => {
  const linked = { linked_files: ["web/.env"], linked_dirs: ["web/uploads"] };
  const shared = path.join(tree, "shared/web");
  const before = webOf(linked)?.key;
  fs.mkdirSync(path.join(shared, "uploads"), { recursive: true });
  fs.writeFileSync(path.join(shared, "uploads/x"), "");
  expect(webOf(linked)?.key).toBe(before);
  const named = webOf({ ...linked, build: { web: { ...WEB, inputs: ["web/.env", "web/none"] } } });
  expect(named?.missing).toEqual(["web/none"]);
  fs.writeFileSync(path.join(shared, ".env"), "A=1");
  expect(webOf(linked)?.key).not.toBe(before);
});

test("an output that cannot be taken from another release is refused with its place", () => {
  const text = `${HEAD}linked_files: [web/.env]
linked_dirs: [{ path: data, shared: d }]
build:
  web: { run: x, inputs: [web], outputs: [., ../out, /out, data/x, web, RELEASE.json, web/dist] }
`;
  expect(headlinesOf(text)).toEqual([
    "deploy.yaml:6:43: an output is something inside the release, not all of it",
    'deploy.yaml:6:46: build.web.outputs[1]: found "../out", wanted a relative path without .. in it',
    'deploy.yaml:6:54: build.web.outputs[2]: found "/out", wanted a relative path without .. in it',
    "deploy.yaml:6:60: data/x leads into shared/ by data: it is the same in all releases and no output",
    "deploy.yaml:6:68: web/.env, which is linked, lies inside web: name what the step makes beside it",
    "deploy.yaml:6:73: RELEASE.json belongs to the release itself and is no output",
  ]);
});
