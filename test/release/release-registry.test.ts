import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { openDatabase } from "../../scripts/registry/database.ts";
import { acquireLock, releaseLock } from "../../scripts/core/lock.ts";
import { makeHost } from "./host.ts";

const command = path.resolve(import.meta.dirname, "../../ops/release/release-registry.ts");
const host = makeHost();
const root = host.at("bare");
afterAll(() => host.clear());
beforeEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
  fs.mkdirSync(root);
});

type Row = Record<string, unknown>;

/** As a team's script calls it: from anywhere, with DEPLOY_ROOT and no manifest. */
function registry(...words: string[]) {
  const env = { PATH: "/usr/bin:/bin", DEPLOY_ROOT: root };
  const { status, stdout, stderr } = spawnSync(command, words, { cwd: "/", env, encoding: "utf8" });
  return { code: status, out: stdout, err: stderr, row: () => JSON.parse(stdout) as Row };
}

const ids = (...words: string[]) =>
  (JSON.parse(registry("list", ...words).out) as Row[]).map((row) => row["release_id"]);
const deployedAt = (time: string) => upsert("v1", "deployed", "--deployed-at", time).row()["deployed_at"];
const upsert = (id: string, status: string, ...more: string[]) =>
  registry("upsert", "--release-id", id, "--commit-sha", `${id}abc`, "--status", status, ...more);

test("an upsert prints the row on one line, the six keys of the control plane first", () => {
  const { code, out, row } = upsert("v1", "deploying");
  expect(code).toBe(0);
  expect(out.trimEnd()).not.toContain("\n");
  const keys = ["id", "release_id", "commit_sha", "migration_marker", "status", "deployed_at"];
  expect(Object.keys(row()).slice(0, 6)).toEqual(keys);
  expect(row()).toMatchObject({
    id: 1,
    release_id: "v1",
    commit_sha: "v1abc",
    migration_marker: null,
    status: "deploying",
    deployed_at: null,
  });
});

test("a marker once set is kept, the first deployment's time too", () => {
  upsert("v1", "deploying", "--migration-marker", "42");
  const { deployed_at } = upsert("v1", "deployed").row();
  expect(deployed_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(upsert("v1", "replaced", "--migration-marker", "").row()).toMatchObject({
    migration_marker: "42",
    deployed_at,
  });
  const row = registry(
    "upsert",
    "--release-id",
    "v1",
    "--commit-sha",
    "",
    "--status",
    "rolled_back",
    "--deployed-at",
    "",
  ).row();
  expect(row).toMatchObject({ commit_sha: "v1abc", deployed_at });
});

test("a team's own deploy.sh tells it what happens, in its own order", () => {
  for (const status of ["deploying", "deployed"]) upsert("v1", status);
  for (const [id, status] of [
    ["v2", "deploying"],
    ["v2", "deployed"],
    ["v1", "replaced"],
  ] as const)
    upsert(id, status);
  for (const [id, status] of [
    ["v3", "deploying"],
    ["v3", "deploy_failed"],
    ["v2", "deployed"],
  ] as const)
    upsert(id, status);
  const rows = JSON.parse(registry("list").out) as Row[];
  expect(rows.map((row) => [row["release_id"], row["status"], row["previous_release_id"]])).toEqual([
    ["v3", "deploy_failed", "v2"],
    ["v2", "deployed", "v1"],
    ["v1", "replaced", null],
  ]);
});

test("a given time is kept in UTC", () => {
  expect(deployedAt("2026-11-20T22:15:30Z")).toBe("2026-11-20T22:15:30Z");
  expect(deployedAt("2026-11-20T22:15:30.123456+00:00")).toBe("2026-11-20T22:15:30Z");
  expect(deployedAt("2026-11-21T00:15:30+0200")).toBe("2026-11-20T22:15:30Z");
});

test("list gives the newest row first, by status, up to a limit", () => {
  for (const id of ["v1", "v2", "v3"]) upsert(id, "deployed");
  expect(ids()).toEqual(["v3", "v2", "v1"]);
  expect(ids("--limit", "2")).toEqual(["v3", "v2"]);
  expect(ids("--status", "replaced")).toEqual(["v2", "v1"]);
  expect(ids("--status", "replaced", "--limit", "1")).toEqual(["v2"]);
  const database = openDatabase(path.join(root, "registry.db"));
  const add = database.prepare(
    "INSERT INTO releases (release_id, commit_sha, status, updated_at) VALUES (?, '', 'built', '')",
  );
  for (let i = 0; i < 60; i++) add.run(`b${i}`);
  database.close();
  expect(ids()).toHaveLength(50);
});

test("get prints the row, or that there is none", () => {
  upsert("v1", "built");
  expect(registry("get", "--release-id", "v1").row()).toMatchObject({ release_id: "v1", is_pinned: false });
  const { code, row } = registry("get", "--release-id", "v2");
  expect([code, row()]).toEqual([2, { error: "release_not_found", release_id: "v2" }]);
});

test("looking makes nothing, and a tree that does not exist is not made", () => {
  expect(registry("list").out).toBe("[]\n");
  expect(registry("get", "--release-id", "v1").code).toBe(2);
  expect(fs.readdirSync(root)).toEqual([]);
  fs.rmSync(root, { recursive: true });
  for (const words of [["list"], ["get", "--release-id", "v1"]]) expect(registry(...words).code).toBe(2);
  const { code, err } = upsert("v1", "built");
  expect([code, err]).toEqual([2, expect.stringContaining(`there is no tree ${root}`)]);
  expect(fs.existsSync(root)).toBe(false);
});

test("wrong words are refused, and change nothing", () => {
  upsert("v1", "built");
  const before = registry("list").out;
  const wrong = [
    ["--release-id", "../v1"],
    ["--release-id", ""],
    ["--commit-sha", "a b"],
    ["--status", "bogus"],
    ["--status", "constructor"],
    ["--deployed-at", "yesterday"],
    ["--deployed-at", "2026-02-30T00:00:00Z"],
    ["--deployed-at", "2026-11-20T22:15:30"],
    ["--deployed-at", "2026-11-20"],
    ["--migration-marker", "a\nb"],
  ];
  for (const words of wrong) expect([words, upsert("v1", "deployed", ...words).code]).toEqual([words, 2]);
  expect(registry("list").out).toBe(before);
  for (const missing of [
    ["--commit-sha", "a", "--status", "built"],
    ["--release-id", "v1", "--status", "built"],
    ["--release-id", "v1", "--commit-sha", "a"],
  ])
    expect(registry("upsert", ...missing).code).toBe(2);
  for (const words of [
    ["list", "--limit", "0"],
    ["list", "--limit", "ten"],
    ["list", "--status", "bogus"],
    ["get"],
    [],
    ["upset"],
    ["toString"],
  ])
    expect([words, registry(...words).code]).toEqual([words, 2]);
  expect(registry("serve", "--port", "x")).toMatchObject({ code: 2, err: expect.stringContaining("is no port") });
});

test("a dry run prints the command, with the tree it is for, and changes nothing", () => {
  const { out } = upsert("v1", "built", "--dry-run");
  expect(fs.readdirSync(root)).toEqual([]);
  expect(spawnSync("sh", ["-c", out], { cwd: "/", env: { PATH: "/usr/bin:/bin" } }).status).toBe(0);
  expect(registry("get", "--release-id", "v1").row()).toMatchObject({ status: "built", commit_sha: "v1abc" });
});

test("it takes no lock: an operation's own hooks and printed steps call it", () => {
  acquireLock(path.join(root, "lock.db"), () => "");
  const { code } = upsert("v1", "deploying");
  releaseLock();
  expect(code).toBe(0);
});

test("a release that was built before it was recorded brings its size, with a manifest as without", () => {
  host.must("release/build_release", "--id", "v1");
  const bytes = (JSON.parse(fs.readFileSync(host.release("v1", "RELEASE.json"), "utf8")) as { bytes: number }).bytes;
  fs.rmSync(host.tree("registry.db"));
  const words = ["upsert", "--release-id", "v1", "--commit-sha", "", "--status", "built"];
  const row = JSON.parse(host.must("release/release-registry", ...words)) as Row;
  expect(bytes).toBeGreaterThan(0);
  expect(row["bytes"]).toBe(bytes);
});
