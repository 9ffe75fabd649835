import fs from "node:fs";
import os from "node:os";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { contextOf } from "../../scripts/core/context.ts";
import { openDatabase } from "../../scripts/registry/database.ts";
import { Journal } from "../../scripts/registry/journal.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { type ListedRelease, observeList } from "../../scripts/release/list.ts";
import { renderTable } from "../../scripts/text/table.ts";
import type { TimelineEntry } from "../../scripts/release/timeline.ts";
import { makeHost } from "./host.ts";

const host = makeHost();
afterAll(() => host.clear());

beforeAll(() => {
  for (const id of ["v1", "v2", "v3"]) {
    host.commit(id);
    host.must("release/deploy", "--id", id);
  }
  host.must("release/build_release", "--id", "v4");
  host.must("release/pin", "v1");
  fs.mkdirSync(host.release("half"));
  fs.writeFileSync(host.release("half", ".building"), "{}");
  fs.mkdirSync(host.release("hand"));
  fs.writeFileSync(host.release("hand", ".deploy-meta"), "commit_sha=abcdef0123\nbuilt_at_utc=2026-01-02T03:04:05Z\n");
  const upsert = ["upsert", "--release-id", "gone", "--commit-sha", "", "--status", "rollback_target_missing"];
  host.must("release/release-registry", ...upsert);
});

const ids = (...words: string[]) =>
  (host.json("release/list", ...words) as ListedRelease[]).map(({ release_id }) => release_id);

test("the newest row comes first, what the registry does not know last", () => {
  expect(ids()).toEqual(["v4", "v3", "v2", "v1", "hand", "half"]);
});

test("a release says what it is, where it came from, and whether it serves", () => {
  const listed = host.json("release/list") as ListedRelease[];
  const by = (id: string) => listed.find(({ release_id }) => release_id === id);
  expect(by("v3")).toMatchObject({
    commit_sha: host.git("rev-parse", "HEAD"),
    status: "deployed",
    deployed_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    built_at: expect.stringMatching(/Z$/),
    ref: "HEAD",
    is_current: true,
    is_known: true,
    is_complete: true,
    is_pinned: false,
    is_rollback_target: false,
    path: host.release("v3"),
  });
  expect(by("v3")?.bytes).toBeGreaterThan(10);
  expect(by("v1")?.own_bytes).toBe(by("v1")?.bytes);
  // What changed, and RELEASE.env.
  expect(by("v3")?.own_bytes).toBe("v3\n".length + "RELEASE_ID=v3\n".length);
  expect(by("v4")).toMatchObject({ status: "built", deployed_at: null, is_current: false });
  expect(by("v2")).toMatchObject({ status: "replaced", is_rollback_target: true });
  expect(by("v1")).toMatchObject({ is_pinned: true, is_rollback_target: false });
});

test("one made by hand is unknown to the registry, and one without its seal is being built", () => {
  const [hand, half] = (host.json("release/list") as ListedRelease[]).slice(-2);
  expect(hand).toMatchObject({
    commit_sha: "abcdef0123",
    built_at: "2026-01-02T03:04:05Z",
    status: null,
    is_known: false,
    is_complete: true,
  });
  expect(half).toMatchObject({ status: "building", is_known: false, is_complete: false });
});

test("what is in the registry only is counted, and shown when it is asked for", () => {
  expect(host.must("release/list")).toContain("1 more is in the registry only: --all");
  expect(ids("--all")[0]).toBe("gone");
  expect(host.must("release/list", "--all")).not.toContain("registry only");
});

test("a person sees a table with a mark at the current release", () => {
  const lines = host.must("release/list").split("\n");
  expect(lines[0]).toMatch(/^ {2}RELEASE +STATUS +COMMIT +REF +BUILT \(UTC\) +DEPLOYED \(UTC\) +SIZE +OWN$/);
  expect(lines[2]).toMatch(/^\* v3 +deployed +[0-9a-f]{7} .* \d+ B +\d+ B {2}current$/);
  expect(lines[3]).toMatch(/^ {2}v2 .*rollback target$/);
  expect(lines[5]).toMatch(/^ {2}hand +unknown +abcdef0 .*unknown to the registry$/);
});

test("a limit leaves the older ones out, and says so", () => {
  expect(ids("--limit", "1")).toEqual(["v4"]);
  const text = host.must("release/list", "--limit", "1");
  expect(text).toContain("5 older ones are not shown: --limit 6");
  expect(text).toContain("current is v3");
  for (const bad of ["0", "-1", "x", "1.5"]) expect(host.run("release/list", [`--limit=${bad}`]).code).toBe(2);
});

test("files are read of what is shown only", () => {
  const context = contextOf(loadManifest({ filePath: host.at("app/deploy.yaml"), env: {} }));
  const reads = vi.spyOn(fs, "readFileSync");
  observeList(context, { limit: 1 });
  const read = reads.mock.calls.map(([file]) => String(file)).filter((file) => file.endsWith("RELEASE.json"));
  reads.mockRestore();
  // The current one is read for what the link names.
  expect(read).toEqual([host.release("v3", "RELEASE.json"), host.release("v4", "RELEASE.json")]);
});

test("a tree without releases says how to make one", () => {
  const other = makeHost();
  expect(other.must("release/list")).toContain("ops/release/deploy.ts");
  expect(other.must("release/list", "--timeline")).toContain("nothing has run");
  expect(fs.existsSync(other.tree())).toBe(false);
  other.clear();
});

test("the timeline tells what ran when, and whether an operation without an end is still at work", () => {
  const database = openDatabase(host.tree("registry.db"));
  const dead = new Journal(database, "20200101-000000-switch-dead");
  dead.begin("switch", []);
  database.prepare("UPDATE operations SET pid = 4194300 WHERE id = ?").run(dead.id);
  new Journal(database, "20200101-000000-build-live").begin("build", []);
  // Its process has only got the same number: it was started after the operation.
  const reused = new Journal(database, "20200101-000000-prune-old");
  reused.begin("prune", []);
  database.prepare("UPDATE operations SET started_at = '2020-01-01T00:00:00.000Z' WHERE id = ?").run(reused.id);
  const entries = host.json("release/list", "--timeline") as TimelineEntry[];
  const text = host.must("release/list", "--timeline");
  database.exec("DELETE FROM operations WHERE finished_at IS NULL");
  database.close();
  expect(entries.slice(0, 4).map(({ kind, outcome }) => [kind, outcome])).toEqual([
    ["prune", "interrupted"],
    ["build", "at work"],
    ["switch", "interrupted"],
    ["pin", "done"],
  ]);
  expect(entries[3]).toMatchObject({ release_id: "v1", exit_code: 0, host: os.hostname(), message: "v1 is pinned." });
  expect(entries.at(-1)).toMatchObject({ kind: "deploy", outcome: "done" });
  expect(entries.at(-1)?.duration_ms).toBeGreaterThan(1);
  expect(text.split("\n")[4]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +pin +v1 +done +\d\.\d\d s +\S+$/);
});

test("the reason of a failure stands below its line", () => {
  host.write("deploy.yaml", `app: demo\ndeploy_to: ${host.tree()}\nbuild: { x: { run: exit 7 } }\n`);
  expect(host.run("release/build_release", ["--id", "v9"]).code).toBe(1);
  host.git("checkout", "-q", "deploy.yaml");
  const lines = host.must("release/list", "--timeline", "--limit", "1").split("\n");
  expect(lines[1]).toMatch(/build +v9 +failed/);
  expect(lines[2]).toMatch(/^ {4}.*exit code 7/);
});

test("a table drops columns, the least needed first, where the terminal is narrow, and shows no escapes", () => {
  const columns = [
    { title: "ID", cell: (row: string) => row },
    { title: "WHEN", cell: () => "2026-11-20", drop: 1 },
    { title: "WHERE", cell: () => "here", drop: 2 },
  ];
  expect(renderTable(columns, ["v1"], 80)).toEqual(["ID  WHEN        WHERE", "v1  2026-11-20  here"]);
  expect(renderTable(columns, ["v1"], 16)).toEqual(["ID  WHEN", "v1  2026-11-20"]);
  expect(renderTable(columns, ["v1"], 3)).toEqual(["ID", "v1"]);
  expect(renderTable(columns, ["\u001b[31mv1"], 16)[1]).toMatch(/^�\[31mv1/);
});
