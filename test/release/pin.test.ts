import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../../scripts/registry/database.ts";
import { Journal } from "../../scripts/registry/journal.ts";
import { acquireLock, releaseLock } from "../../scripts/core/lock.ts";
import type { ListedRelease } from "../../scripts/release/list.ts";
import { makeHost } from "./host.ts";

const host = makeHost();
afterAll(() => host.clear());
beforeAll(() => {
  for (const id of ["v1", "v2", "v3", "v4"]) {
    host.commit(id);
    host.must("release/deploy", "--id", id);
  }
});

const pinned = () =>
  (host.json("release/list") as ListedRelease[]).flatMap(({ is_pinned, release_id }) =>
    is_pinned ? [release_id] : [],
  );

test("a pinned release is not pruned, and one that is unpinned again is", () => {
  expect(host.must("release/pin", "v1")).toBe("v1 is pinned.\n");
  expect(host.must("release/pin", "v1")).toBe("v1 is pinned already.\n");
  expect(pinned()).toEqual(["v1"]);
  host.must("release/prune", "--keep", "1");
  expect(fs.readdirSync(host.tree("releases")).toSorted()).toEqual(["v1", "v3", "v4"]);
  expect(host.json("release/unpin", "v1")).toEqual({
    release_id: "v1",
    is_pinned: false,
    message: "v1 is not pinned.",
  });
  host.must("release/prune", "--keep", "1");
  expect(fs.readdirSync(host.tree("releases")).toSorted()).toEqual(["v3", "v4"]);
});

test("what a dry run prints does it when it is pasted, and nothing before", () => {
  const printed = host.must("release/pin", "v3", "--dry-run");
  expect(printed).toMatch(/^ {2}\S+\/ops\/release\/pin\.ts --manifest \S+ v3$/m);
  expect(pinned()).toEqual([]);
  expect(spawnSync("sh", ["-c", printed], { cwd: "/", env: { PATH: "/usr/bin:/bin" } }).status).toBe(0);
  expect(pinned()).toEqual(["v3"]);
  expect(host.must("release/unpin", "v3", "--dry-run")).toContain("ops/release/unpin.ts");
  host.must("release/unpin", "v3");
});

test("what cannot be kept is refused", () => {
  const refusal = (id: string, verb = "pin") => {
    const { code, err } = host.run(`release/${verb}`, [id]);
    return { code, err };
  };
  expect(refusal("nope")).toMatchObject({ code: 2, err: expect.stringContaining("there is no release nope") });
  expect(refusal("nope", "unpin").code).toBe(2);
  expect(refusal("../v4").code).toBe(2);
  expect(refusal("v1")).toMatchObject({ code: 2, err: expect.stringContaining("v1 is pruned and no longer in") });
  fs.mkdirSync(host.release("hand"));
  expect(refusal("hand")).toMatchObject({
    code: 2,
    err: expect.stringMatching(/release-registry.ts .*upsert --release-id hand/),
  });
  expect(host.run("release/pin", ["nope", "--dry-run"]).code).toBe(2);
  expect(pinned()).toEqual([]);
});

test("it waits for nobody: who holds the lock is told", () => {
  const database = openDatabase(host.tree("registry.db"));
  new Journal(database, "20261120-000000-deploy-beef").begin("deploy", []);
  acquireLock(host.tree("lock.db"), () => "");
  const { code, err } = host.run("release/pin", ["v4"]);
  releaseLock();
  database.exec("DELETE FROM operations WHERE finished_at IS NULL");
  database.close();
  expect(code).toBe(75);
  expect(err).toMatch(
    new RegExp(`another operation is at work: deploy, by \\S+ \\(pid ${process.pid}\\), since \\d{4}-`),
  );
  expect(pinned()).toEqual([]);
});

test("what a crash left is put right first", () => {
  const database = openDatabase(host.tree("registry.db"));
  new Journal(database, "20261120-000000-build-dead").begin("build", []);
  fs.mkdirSync(host.release(".beginning-v9"));
  expect(host.must("release/pin", "v4")).toMatch(/interrupted[^]*v4 is pinned\.\n$/);
  const { outcome } = database.prepare("SELECT outcome FROM operations WHERE id LIKE '%dead'").get() as {
    outcome: string;
  };
  database.close();
  expect(outcome).toBe("interrupted");
  expect(fs.existsSync(host.release(".beginning-v9"))).toBe(false);
});
