/** Staging with real repositories, on this machine alone. */
import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BusyError } from "../../scripts/core/errors.ts";
import { acquireLock, releaseLock } from "../../scripts/core/lock.ts";
import { ManifestError } from "../../scripts/manifest/load.ts";
import { stage } from "../../scripts/upload/send.ts";
import { stagingPath } from "../../scripts/upload/staging.ts";
import { makePlace } from "./place.ts";

let place: ReturnType<typeof makePlace>;
beforeEach(() => void (place = makePlace()));
afterEach(() => place.clear());

const names = (directory: string) => fs.readdirSync(directory).toSorted();
const staged = () => names(path.join(stagingPath(place.loaded()), "releases"));

describe("without a step that runs here", () => {
  test("a staged release is what git has, without what each host links into it", async () => {
    place.describe("linked_files: [.env]\nlinked_dirs: [data]\nbuild: { web: { run: make it } }");
    const sha = place.commit({ "run.sh": "#!/bin/sh\n", ".env": "A=1\n", "data/keep": "", "data2/keep": "" });
    fs.chmodSync(path.join(place.repo, "run.sh"), 0o755);
    place.commit();
    const release = await stage(place.loaded(), { ref: sha, id: "v1" });
    expect(release).toMatchObject({
      id: "v1",
      sha,
      ref: sha,
      isDirty: false,
      builtHere: [],
      made: [],
      without: [".env", "data"],
    });
    expect(names(release.directory).filter((name) => !name.startsWith("RELEASE."))).toEqual([
      "data2",
      "deploy.yaml",
      "run.sh",
    ]);
    expect(fs.statSync(path.join((await stage(place.loaded(), { id: "v2" })).directory, "run.sh")).mode & 0o777).toBe(
      0o755,
    );
  });

  test("ids, tags and source.pull are those of a build", async () => {
    place.describe("release_id: tag");
    place.commit({ a: "1" });
    await expect(stage(place.loaded(), {})).rejects.toThrow(/has no tag/);
    place.git("tag", "v1.2.3");
    expect((await stage(place.loaded(), {})).id).toBe("v1.2.3");
    await expect(stage(place.loaded(), { id: "../v1" })).rejects.toThrow(/is no release id/);
    await expect(stage(place.loaded(), { ref: "v9" })).rejects.toThrow(/no commit, tag or branch/);
    place.describe("source: { pull: ff-only }");
    await expect(stage(place.loaded(), {})).rejects.toThrow(/local changes, and they are not overwritten/);
  });

  test("a working tree is staged as it lies, under the id that is asked for, again and again", async () => {
    place.describe("source: { via: worktree }\ndependencies: { npm: { path: node_modules, key: lock, run: exit 1 } }");
    place.commit({ a: "1", lock: "1" });
    place.put({ a: "2", "node_modules/x": "large" });
    const first = await stage(place.loaded(), { ref: "v1" });
    expect(first).toMatchObject({ id: "v1", isDirty: true, without: ["node_modules"] });
    expect(fs.readFileSync(path.join(first.directory, "a"), "utf8")).toBe("2");
    expect(fs.existsSync(path.join(first.directory, "node_modules"))).toBe(false);
    place.put({ a: "3" });
    const second = await stage(place.loaded(), { ref: "v1" });
    expect(fs.readFileSync(path.join(second.directory, "a"), "utf8")).toBe("3");
  });
});

describe("with steps that run here", () => {
  const WEB = `linked_files: [{ path: .env, from: .env.production }, secret]
linked_dirs: [data]
dependencies: { npm: { path: node_modules, key: lock, run: "mkdir node_modules; cp lock node_modules/tool" } }
build:
  web: { build_on: local, run: ["mkdir dist", "cat node_modules/tool .env src >dist/out", "test ! -e data", "echo >>ran; cp -p src copy"] }
  image: { run: exit 1 }`;

  test("they find the dependency sets and the linked files that the checkout has; no other step runs, and no hook", async () => {
    place.describe(`${WEB}\nhooks: { before_build: exit 1, after_build: exit 1, on_failure: exit 1 }`);
    place.commit({ src: "source\n", lock: "tool\n", ".gitignore": ".env*\n" });
    place.put({ ".env.production": "A=1\n", "data/x": "1" });
    const release = await stage(place.loaded(), { id: "v1" });
    expect(fs.readFileSync(path.join(release.directory, "dist/out"), "utf8")).toBe("tool\nA=1\nsource\n");
    expect(release.builtHere).toEqual(["web"]);
    expect(release.made.toSorted()).toEqual(["RELEASE.env", "copy", "dist", "ran"]);
    expect(release.without).toEqual([".env", "secret", "data", "node_modules"]);
    expect(fs.readdirSync(place.tree)).toEqual(["run"]);
  });

  test("what is staged already is taken as it is, unless its steps, its commit, what they link to or the wish changed", async () => {
    place.describe(`linked_files: [.env]\nbuild_on: local\nbuild: { web: { run: "date +%N >made" } }`);
    place.commit({ a: "1", ".gitignore": ".env\n" });
    place.put({ ".env": "A=1\n" });
    const made = async (choice = {}) =>
      fs.readFileSync(path.join((await stage(place.loaded(), { id: "v1", ...choice })).directory, "made"), "utf8");
    const first = await made();
    expect(await made()).toBe(first);
    expect(await made({ isCached: false })).not.toBe(first);
    const second = await made();
    place.put({ ".env": "A=2\n" });
    const third = await made();
    expect(third).not.toBe(second);
    place.commit({ a: "2" });
    const fourth = await made();
    expect(fourth).not.toBe(third);
    place.describe(`linked_files: [.env]\nbuild_on: local\nbuild: { web: { run: "date +%N  >made" } }`);
    expect(await made()).not.toBe(fourth);
  });

  test("one that declares its inputs is skipped when they did not change", async () => {
    place.describe(
      `build_on: local\nbuild: { web: { run: "echo >>${path.join(place.root, "ran")}; cp src out", inputs: [src], outputs: [out] } }`,
    );
    place.commit({ src: "1" });
    await stage(place.loaded(), { id: "v1" });
    place.commit({ other: "1" });
    await stage(place.loaded(), { id: "v2" });
    expect(fs.readFileSync(path.join(place.root, "ran"), "utf8")).toBe("\n");
    place.commit({ src: "2" });
    await stage(place.loaded(), { id: "v3" });
    expect(fs.readFileSync(path.join(place.root, "ran"), "utf8")).toBe("\n\n");
  });

  test("one that fails leaves nothing, and the next try is a fresh one", async () => {
    place.describe("build_on: local\nbuild: { web: { run: 'echo >ran; test -e ok' } }");
    place.commit({ a: "1" });
    await expect(stage(place.loaded(), { id: "v1" })).rejects.toThrow(/Build web .*exit code 1/);
    expect(staged()).toEqual([]);
    place.commit({ ok: "1" });
    expect((await stage(place.loaded(), { id: "v1" })).id).toBe("v1");
  });

  test.each([
    [
      "host",
      "local",
      'build_on: local\nbuild:\n  image: { run: "x", build_on: host }\n  web: { run: "x" }',
      /deploy\.yaml:6:3: build\.web runs on this machine, and build\.image/,
    ],
    ["host", "local", 'build:\n  image: { run: "x" }\n  web: { run: "x", build_on: local }', /deploy\.yaml:5:20: /],
  ])("one behind a step of the %s is refused with its place", async (_first, _second, manifest, message) => {
    place.describe(manifest);
    place.commit({ a: "1" });
    const refused = stage(place.loaded(), { id: "v1" });
    await expect(refused).rejects.toThrow(ManifestError);
    await expect(refused).rejects.toThrow(message);
  });
});

test("the two newest stay, with what is kept of them", async () => {
  for (const [index, id] of ["v1", "v2", "v3", "v4"].entries()) {
    place.commit({ a: String(index) });
    await stage(place.loaded(), { id });
  }
  expect(staged()).toEqual(["v3", "v4"]);
  expect(names(path.join(stagingPath(place.loaded()), "staged"))).toEqual(["v3.json", "v4.json"]);
});

test("somebody else who stages the same environment is told of, exit 75", async () => {
  place.commit({ a: "1" });
  await stage(place.loaded(), { id: "v1" });
  acquireLock(path.join(stagingPath(place.loaded()), "lock.db"), () => "");
  try {
    await expect(stage(place.loaded(), { id: "v2" })).rejects.toThrow(BusyError);
  } finally {
    releaseLock();
  }
});

test("each manifest and each environment has its own staging tree", () => {
  const loaded = place.loaded();
  expect(stagingPath(loaded, { XDG_STATE_HOME: "/s" })).toMatch(/^\/s\/switchback\/shop-prod-[0-9a-f]{12}$/);
  expect(stagingPath(loaded, { XDG_STATE_HOME: "relative", HOME: "/h" })).toMatch(/^\/h\/\.local\/state\/switchback\//);
  const other = { ...loaded, filePath: "/elsewhere/deploy.yaml" };
  expect(stagingPath(other, { HOME: "/h" })).not.toBe(stagingPath(loaded, { HOME: "/h" }));
});
