/** What was uploaded becomes a release, by the real commands; it comes over a fake line, from a folder of this machine to another. */
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { treePaths } from "../../scripts/core/paths.ts";
import { observeOldUploads, planOldUploads } from "../../scripts/room/old-uploads.ts";
import { send, stage } from "../../scripts/upload/send.ts";
import { makePlace } from "../upload/place.ts";

let place: ReturnType<typeof makePlace>;
beforeEach(() => void (place = makePlace()));
afterEach(() => place.clear());

const upload = async (id: string, currentId?: string) =>
  send(place.connection(currentId), await stage(place.loaded(), { ref: "main", id }), () => {});
const build = (...words: string[]) => place.there("release/build_release", ...words);
function built(id: string): string {
  const { status, said } = build("--uploaded", id);
  expect([said, status]).toEqual([expect.any(String), 0]);
  expect(place.there("release/verify", id).status).toBe(0);
  return said;
}
const incoming = () => (fs.existsSync(place.at("incoming")) ? fs.readdirSync(place.at("incoming")) : []);
const releases = () => fs.readdirSync(place.at("releases")).toSorted();

test("the host does what is its own: links, dependency sets, hooks, and the steps that the sender left to it", async () => {
  place.describe(`linked_files: [.env]
linked_dirs: [data]
dependencies: { npm: { path: node_modules, key: lock, run: "mkdir node_modules; cp lock node_modules/tool" } }
hooks: { before_build: "echo before >>ran", after_build: "echo after >>ran" }
build:
  web: { build_on: local, run: "mkdir dist; pwd >dist/where" }
  image: { run: "cat .env node_modules/tool dist/where >made; echo image >>ran" }`);
  const sha = place.commit({ lock: "1", ".gitignore": ".env", "data/example": "" });
  fs.mkdirSync(place.at("shared"), { recursive: true });
  fs.writeFileSync(place.at("shared/.env"), "A=1\n");
  await upload("v1");
  built("v1");
  const [env, tool, where = ""] = place.text("releases/v1/made").split(/\n|(?<=^1)/m);
  expect([env, tool]).toEqual(["A=1", "1"]);
  expect(where.startsWith(path.join(place.root, "state/switchback/shop-prod-"))).toBe(true);
  expect(place.text("releases/v1/ran")).toBe("before\nimage\nafter\n");
  expect(fs.readlinkSync(place.at("releases/v1/data"))).toBe("../../shared/data");
  expect(place.text("releases/v1/RELEASE.env")).toBe("RELEASE_ID=v1\n");
  expect(place.json("v1")).toMatchObject({
    id: "v1",
    sha,
    ref: "main",
    dirty: false,
    deps: { npm: expect.any(String) },
  });
  expect(place.json("v1")["tree_sha256"]).toMatch(/^[0-9a-f]{64}$/);
  expect(incoming()).toEqual([]);
  expect(JSON.parse(place.there("release/list", "--json").stdout)).toMatchObject([
    { release_id: "v1", status: "built" },
  ]);
});

test("RELEASE.json names who sent it", async () => {
  place.commit({ a: "1" });
  await upload("v1");
  const record = place.at("incoming/v1.json");
  fs.writeFileSync(record, fs.readFileSync(record, "utf8").replace(/"builtBy":"[^"]*"/, '"builtBy":"anna"'));
  built("v1");
  expect(place.json("v1")["built_by"]).toBe("anna");
});

describe("an id that is built already", () => {
  test("is reused when the same commit is sent again, or the command given again; another commit is refused", async () => {
    place.commit({ a: "1" });
    await upload("v1");
    built("v1");
    const before = place.inode("releases/v1");
    expect(built("v1")).toContain("v1 is built already");
    await upload("v1", "v1");
    expect(built("v1")).toContain("v1 is built already");
    expect([incoming(), place.inode("releases/v1")]).toEqual([[], before]);
    place.commit({ a: "2" });
    await upload("v1", "v1");
    expect(build("--uploaded", "v1")).toMatchObject({
      status: 2,
      said: expect.stringContaining("there is a release v1 already") as string,
    });
    expect(place.inode("releases/v1")).toBe(before);
  });

  test("from a working tree: the command given again is no other one, files sent again are", async () => {
    place.describe("source: { via: worktree }");
    place.put({ a: "1" });
    const again = async () => send(place.connection(), await stage(place.loaded(), { ref: "v1" }), () => {});
    await again();
    built("v1");
    expect(place.json("v1")["dirty"]).toBe(true);
    expect(built("v1")).toContain("v1 is built already");
    await again();
    expect(build("--uploaded", "v1")).toMatchObject({
      status: 2,
      said: expect.stringContaining("the working tree may differ") as string,
    });
  });
});

describe("sharing", () => {
  const files = { same: "s".repeat(5000), changed: "1", written: "w", "run.sh": "#!/bin/sh\n" };
  const link = (id: string, name: string) => place.inode("releases", id, name) === place.inode("releases/v1", name);

  test("is done by what files hold: never those that a step here or there has made or touched", async () => {
    place.describe(`build:
  web: { build_on: local, run: "mkdir dist; cp -p same dist/copy" }
  here: { run: "cp -p same here; printf w >written", outputs: [out] }`);
    place.commit({ ...files, "out/kept": "k" });
    await upload("v1");
    built("v1");
    place.commit({ changed: "2" });
    await upload("v2", "v1");
    built("v2");
    expect(["same", "run.sh"].map((name) => link("v2", name))).toEqual([true, true]);
    expect(["out/kept", "changed", "written", "here", "dist/copy"].map((name) => link("v2", name))).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
    expect(place.json("v2")["base"]).toBe("v1");
    fs.appendFileSync(place.at("releases/v2/written"), "more");
    expect(place.text("releases/v1/written")).toBe("w");
  });

  test("a step may write to every file, and no release before it changes", async () => {
    place.commit(files);
    await upload("v1");
    built("v1");
    await upload("v2", "v1");
    built("v2");
    expect(link("v2", "same")).toBe(true);
    place.describe("build: { web: { run: echo more >>same } }");
    place.commit();
    await upload("v3", "v2");
    // What the staging tree shares with the release before is read-only there.
    expect(fs.statSync(place.at("incoming/v3/same")).mode & 0o777).toBe(0o644);
    built("v3");
    expect([place.text("releases/v1/same"), place.text("releases/v3/same")]).toEqual([
      files.same,
      `${files.same}more\n`,
    ]);
  });

  test("two files of one size and one second are told apart", async () => {
    const at = { GIT_COMMITTER_DATE: "2024-01-01T00:00:00Z", GIT_AUTHOR_DATE: "2024-01-01T00:00:00Z" };
    Object.assign(process.env, at);
    try {
      for (const [id, text] of [
        ["v1", "one"],
        ["v2", "two"],
      ] as const) {
        place.commit({ a: text, b: "b" });
        await upload(id, id === "v2" ? "v1" : undefined);
        built(id);
      }
    } finally {
      for (const name of Object.keys(at)) delete process.env[name];
    }
    expect([place.text("releases/v1/a"), place.text("releases/v2/a"), link("v2", "b")]).toEqual(["one", "two", true]);
  });
});

test("a step with inputs and outputs is skipped on the host while its inputs, made here or committed, are the same", async () => {
  place.describe(`build:
  web: { build_on: local, run: "mkdir dist; cp src dist/js" }
  pack: { run: "echo >>${path.join(place.root, "packed")}; cat dist/js lock >pack", inputs: [dist, lock], outputs: [pack] }`);
  place.commit({ src: "1", lock: "1" });
  await upload("v1");
  built("v1");
  place.commit({ other: "1" });
  await upload("v2", "v1");
  expect(built("v2")).toContain("Take pack from v1");
  place.commit({ src: "2" });
  await upload("v3", "v2");
  built("v3");
  expect(fs.readFileSync(path.join(place.root, "packed"), "utf8")).toBe("\n\n");
  expect([place.text("releases/v2/pack"), place.text("releases/v3/pack")]).toEqual(["11", "21"]);
});

describe("what goes wrong", () => {
  test("a build that fails leaves neither a release nor a record of the upload, and the next upload is built", async () => {
    place.describe("build: { image: { run: test -e ok } }");
    place.commit({ a: "1" });
    await upload("v1");
    expect(build("--uploaded", "v1").status).toBe(1);
    expect([releases(), incoming()]).toEqual([[], []]);
    place.commit({ ok: "1" });
    await upload("v1");
    built("v1");
  });

  test("one that is refused keeps the upload: it is built once what it needs is there", async () => {
    place.describe("linked_files: [.env]");
    place.commit({ a: "1" });
    await upload("v1");
    expect(build("--uploaded", "v1").status).toBe(2);
    fs.mkdirSync(place.at("shared"), { recursive: true });
    fs.writeFileSync(place.at("shared/.env"), "");
    built("v1");
  });

  test("killed in the middle: the next command takes it away, and the upload is sent and built again", async () => {
    place.describe(`build: { image: { run: "[ -e ${place.cut}.go ] || sleep 30" } }`);
    place.commit({ a: "1" });
    await upload("v1");
    const words = ["--manifest", place.at("run/sent/1.yaml"), "--uploaded", "v1"];
    const command = spawn(path.resolve(import.meta.dirname, "../../ops/release/build_release.ts"), words, {
      stdio: "ignore",
    });
    await expect.poll(() => fs.existsSync(place.at("releases/v1/.building")), { timeout: 20_000 }).toBe(true);
    const isOver = new Promise((resolve) => command.once("exit", resolve));
    command.kill("SIGKILL");
    await isOver;
    expect(place.there("release/recover").said).toContain("build v1 was interrupted");
    expect(releases()).toEqual([]);
    expect(build("--uploaded", "v1")).toMatchObject({
      status: 2,
      said: expect.stringContaining("nothing is uploaded as v1") as string,
    });
    fs.writeFileSync(`${place.cut}.go`, "");
    await upload("v1");
    built("v1");
  });

  test("killed before it was a release: the same command builds it", async () => {
    place.commit({ a: "1" });
    await upload("v1");
    fs.writeFileSync(place.at("incoming/v1/.building"), '{"id":"v1"}');
    built("v1");
    expect(place.json("v1")["sha"]).toBe(place.git("rev-parse", "HEAD"));
  });

  const OTHER = {
    id: "v2",
    sha: "",
    ref: "",
    isDirty: false,
    builtHere: [],
    builtBy: "a",
    made: [],
    files: 1,
    bytes: 1,
  };
  test.each([
    ["nothing at all", () => {}],
    ["files whose record is not there yet", () => fs.mkdirSync(place.at("incoming/v1"), { recursive: true })],
    [
      "a record without files",
      () => (fs.mkdirSync(place.at("incoming")), fs.writeFileSync(place.at("incoming/v1.json"), "{}")),
    ],
    [
      "a record of something else",
      () => (
        fs.mkdirSync(place.at("incoming/v1"), { recursive: true }),
        fs.writeFileSync(place.at("incoming/v1.json"), JSON.stringify(OTHER))
      ),
    ],
  ])("%s is no upload", (_what, make) => {
    make();
    expect(build("--uploaded", "v1").status).toBe(2);
    expect(build("--uploaded", "../v1")).toMatchObject({
      status: 2,
      said: expect.stringContaining("is no release id") as string,
    });
    expect(fs.existsSync(place.at("releases/v1"))).toBe(false);
  });
});

test("deploy builds what was uploaded and switches to it", async () => {
  place.describe("health: { run: test -e a, every: 10ms, soak: 20ms }");
  place.commit({ a: "1" });
  await upload("v1");
  expect(place.there("release/deploy", "--uploaded", "v1").said).toContain("v1 is current");
  expect(fs.readlinkSync(place.at("current"))).toBe("releases/v1");
  expect(fs.existsSync(place.at("incoming/v1"))).toBe(false);
});

test("what a broken upload left goes after a day, and not before", () => {
  fs.mkdirSync(place.at("incoming/v1"), { recursive: true });
  fs.writeFileSync(place.at("incoming/v1/large"), "");
  fs.utimesSync(place.at("incoming/v1"), 1, 1);
  const paths = treePaths(place.tree);
  const after = (hours: number) => observeOldUploads(paths, new Date(Date.now() + hours * 3_600_000));
  expect(after(23)).toEqual([]);
  expect(after(25)).toEqual([place.at("incoming/v1")]);
  expect(planOldUploads(after(25))).toMatchObject([{ kind: "remove", path: place.at("incoming/v1"), optional: true }]);
  expect(observeOldUploads(treePaths(path.join(place.root, "nowhere")), new Date())).toEqual([]);
});
