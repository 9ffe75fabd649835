/** What hosts push, on a real server. */
import fs from "node:fs";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openDatabase } from "../../scripts/registry/database.ts";
import { Journal } from "../../scripts/registry/journal.ts";
import { countWaiting, forget, nextWaiting } from "../../scripts/registry/outbox.ts";
import { mergeAll } from "../../scripts/registry/postgres/push.ts";
import { postgresReader } from "../../scripts/registry/postgres/reader.ts";
import { tellRows } from "../../scripts/registry/postgres/told.ts";
import { ownTree } from "../../scripts/registry/postgres/tree.ts";
import { setPinned, type Upsert, upsertRow } from "../../scripts/registry/releases.ts";
import { makePlace } from "../core/places.ts";
import { bothSides, connected, hasServer, PostgresServer, pushTo } from "./postgres-server.ts";

const at = (second: number) => new Date(Date.UTC(2026, 10, 20, 12, 0, second));

/** A host's registry. */
interface Host {
  deployTo: string;
  database: DatabaseSync;
  put(releaseId: string, status: Upsert["status"], second: number, more?: Partial<Upsert>): void;
  operate(id: string, steps: number): Journal;
  push(): ReturnType<typeof pushTo>;
}

describe.skipIf(!hasServer)("PostgreSQL as registry (skipped where its server is not installed)", () => {
  let server: PostgresServer;
  let database = "";
  let url = "";
  const open: DatabaseSync[] = [];
  beforeAll(() => void (server = new PostgresServer(42_710)));
  afterAll(() => server.end());
  beforeEach(() => {
    database = server.createDatabase();
    url = server.url(database);
  });
  afterEach(() => open.splice(0).forEach((one) => void one.close()));

  const sql = (text: string) => server.sql(database, text);
  function makeHost(deployTo = makePlace()): Host {
    const registry = openDatabase(path.join(deployTo, "registry.db"));
    open.push(registry);
    return {
      deployTo,
      database: registry,
      put: (releaseId, status, second, more = {}) =>
        void upsertRow(registry, { releaseId, sha: `sha-of-${releaseId}`, status, ...more }, at(second)),
      operate(id, steps) {
        const journal = new Journal(registry, id);
        journal.begin("deploy", ["main"]);
        for (let i = 0; i < steps; i++) journal.step("gate", "Wait — ünïcode 🎈 \u0007", at(i), i / 3, "done");
        journal.finish("done", 0, "all is well\nreally");
        return journal;
      },
      push: () => pushTo(url, registry, deployTo),
    };
  }
  const waiting = (host: Host) => countWaiting(host.database);
  const same = async (host: Host) => {
    const [here, there] = await bothSides(url, host.database);
    expect(there).toBe(here);
  };
  const releases = () =>
    sql(
      "SELECT release_id, commit_sha, migration_marker, status, deployed_at AT TIME ZONE 'UTC' FROM releases ORDER BY 1",
    );

  test("what there is is pushed whole, then only what changed, and told twice it changes nothing", async () => {
    const host = makeHost();
    host.put("r1", "deployed", 1, { marker: "0001", bytes: 5e12 });
    host.operate("op-1", 130);
    expect(await host.push()).toEqual({ count: 132, tableProblems: [], isCopy: false });
    await same(host);
    expect((await host.push()).count).toBe(0);
    setPinned(host.database, "r1", true);
    host.put("r2", "deployed", 2);
    host.operate("op-2", 1);
    // r1 was replaced, r2 is new, an operation with one step.
    expect((await host.push()).count).toBe(4);
    await same(host);
    expect(waiting(host)).toBe(0);
    const batch = nextWaiting(host.database, 0, 9);
    expect(batch).toEqual([]);
  });

  test("of several hosts the newest change counts, a marker stays and the first deployment too, in whatever order they push", async () => {
    const [a, b] = [makeHost(), makeHost()];
    a.put("v2", "deployed", 10);
    b.put("v2", "deployed", 20, { marker: "0042" });
    b.put("v2", "deploy_failed", 40);
    a.put("v2", "replaced", 30);
    await b.push();
    await a.push();
    const told = "v2|sha-of-v2|0042|deploy_failed|2026-11-20 12:00:10";
    expect(releases()).toBe(told);
    a.put("v2", "rolled_back", 50);
    await a.push();
    expect(releases()).toBe(told.replace("deploy_failed", "rolled_back"));
    expect(sql("SELECT count(*) FROM switchback_releases WHERE release_id = 'v2'")).toBe("2");
    await same(a);
    await same(b);
  });

  test("a control plane's own table is never altered, and its other rows and values stay", async () => {
    sql(`CREATE TABLE releases (id serial PRIMARY KEY, release_id varchar(80) NOT NULL UNIQUE, commit_sha varchar(64) NOT NULL,
      migration_marker varchar(40), status varchar(40) NOT NULL, deployed_at timestamptz, note text);
      INSERT INTO releases (release_id, commit_sha, migration_marker, status, deployed_at, note) VALUES
        ('old', 'abc', '0007', 'replaced', '2025-01-01T00:00:00Z', 'theirs'), ('v3', 'def', '0008', 'built', '2026-01-01T00:00:00Z', 'kept')`);
    const before = server.schemaOf(database, "releases");
    const host = makeHost();
    host.put("v3", "deployed", 1);
    host.put("v4", "building", 2, { sha: "" });
    expect((await host.push()).tableProblems).toEqual([]);
    expect(server.schemaOf(database, "releases")).toBe(before);
    expect(
      sql(
        "SELECT release_id, commit_sha, migration_marker, status, deployed_at AT TIME ZONE 'UTC', note FROM releases ORDER BY 1",
      ).split("\n"),
    ).toEqual([
      "old|abc|0007|replaced|2025-01-01 00:00:00|theirs",
      "v3|sha-of-v3|0008|deployed|2026-01-01 00:00:00|kept",
      "v4|||building||",
    ]);
  });

  test.each([
    [
      "a column that wants a value",
      "note text NOT NULL",
      "ALTER TABLE releases ALTER note DROP NOT NULL",
      "its column note wants a value",
    ],
    [
      "no release_id that is unique",
      "UNIQUE (release_id, id)",
      "ALTER TABLE releases ADD UNIQUE (release_id)",
      "release_id is not unique",
    ],
  ])("a table with %s is left alone, and told everything once it is not so any more", async (_, more, mended, why) => {
    sql(`CREATE TABLE releases (id serial PRIMARY KEY, release_id text NOT NULL, commit_sha text NOT NULL, migration_marker text,
      status text NOT NULL, deployed_at text, ${more}); ${more.startsWith("note") ? "ALTER TABLE releases ADD UNIQUE (release_id)" : ""}`);
    const host = makeHost();
    host.put("v1", "deployed", 1);
    expect((await host.push()).tableProblems).toEqual([expect.stringContaining(why)]);
    expect(sql("SELECT count(*) FROM releases")).toBe("0");
    await same(host);
    sql(mended);
    expect((await host.push()).tableProblems).toEqual([]);
    expect(sql("SELECT release_id, status, deployed_at FROM releases")).toBe("v1|deployed|2026-11-20T12:00:01Z");
  });

  test("a row that the table refuses keeps no other one out", async () => {
    sql(`CREATE TYPE state AS ENUM ('deployed', 'replaced');
      CREATE TABLE releases (id serial PRIMARY KEY, release_id text UNIQUE, commit_sha text, migration_marker text, status state, deployed_at timestamp)`);
    const host = makeHost();
    host.put("v1", "deployed", 1);
    host.put("v2", "pruned", 2);
    const { tableProblems } = await host.push();
    expect(tableProblems).toEqual([expect.stringMatching(/v2 is refused: .*pruned/)]);
    expect(sql("SELECT release_id, status, deployed_at FROM releases")).toBe("v1|deployed|2026-11-20 12:00:01");
    await same(host);
    expect(waiting(host)).toBe(0);
    sql("ALTER TYPE state ADD VALUE 'pruned'");
    expect(await connected(url, (connection) => mergeAll(connection.sql, host.database))).toEqual([]);
    expect(sql("SELECT release_id, status FROM releases ORDER BY 1")).toBe("v1|deployed\nv2|pruned");
  });

  test("a role that may not make tables, or not write to them, is told the SQL that lets it", async () => {
    sql(`CREATE ROLE ${database}_r LOGIN PASSWORD 'canary-7c1e'; REVOKE CREATE ON SCHEMA public FROM PUBLIC`);
    const role = `${database}_r`;
    const host = makeHost();
    host.put("v1", "deployed", 1);
    const push = () => pushTo(server.url(database, role), host.database, host.deployTo);
    const refused = await push().catch((error: Error & { next: string[] }) => error);
    expect(refused).toMatchObject({ message: expect.stringContaining("permission denied for schema public") });
    const sqlOf = ({ next }: { next?: string[] }) => /-c '([^']+)'/.exec(next?.[0] ?? "")?.[1] ?? "";
    // Tables that the owner has made already: what is missing is the right to write.
    await makeHost().push();
    const readOnly = await push().catch((error: Error & { next: string[] }) => error);
    expect(readOnly).toMatchObject({
      message: expect.stringContaining("permission denied for table switchback_schema"),
    });
    sql(sqlOf(readOnly as { next: string[] }));
    const { tableProblems } = await push();
    expect(tableProblems).toEqual([expect.stringContaining("may not SELECT, INSERT and UPDATE")]);
    expect(sql("SELECT release_id FROM switchback_releases")).toBe("v1");
    sql(
      "DROP TABLE switchback_steps, switchback_operations, switchback_releases, switchback_trees, switchback_schema, releases",
    );
    sql(sqlOf(refused as { next: string[] }));
    expect((await push()).tableProblems).toEqual([]);
    await same(host);
  });

  test("an older state of a row that comes late changes nothing", async () => {
    const host = makeHost();
    host.put("v1", "building", 1);
    await host.push();
    host.put("v1", "deploying", 2);
    const late = nextWaiting(host.database, 0, 10);
    host.put("v1", "deployed", 3);
    await host.push();
    await connected(url, ({ sql: there }) =>
      there.begin((tx) => tellRows(tx, ownTree(host.database, "shop", host.deployTo), late)),
    );
    expect(sql("SELECT status FROM switchback_releases")).toBe("deployed");
    await same(host);
  });

  test("a row that changes while it is pushed waits on", async () => {
    const host = makeHost();
    host.put("v1", "building", 1);
    await host.push();
    host.put("v1", "deploying", 2);
    const batch = nextWaiting(host.database, 0, 10);
    host.put("v1", "deployed", 3);
    forget(host.database, batch);
    expect(waiting(host)).toBe(1);
  });

  test("a server that lost what it was told is told all of it again", async () => {
    const host = makeHost();
    host.put("v1", "deployed", 1);
    host.operate("op-1", 3);
    await host.push();
    sql("DELETE FROM switchback_steps; UPDATE switchback_trees SET told_to = told_to - 3");
    expect((await host.push()).count).toBe(5);
    await same(host);
    sql("DROP TABLE switchback_steps, switchback_operations, switchback_releases, switchback_trees, switchback_schema");
    expect((await host.push()).count).toBe(5);
    await same(host);
  });

  test("a copy of a tree gets a name of its own, a tree that was moved keeps its", async () => {
    const host = makeHost();
    host.put("v1", "deployed", 1);
    await host.push();
    const copy = makePlace();
    fs.cpSync(host.deployTo, copy, { recursive: true });
    const other = makeHost(copy);
    await other.push();
    expect(sql("SELECT count(*) FROM switchback_trees")).toBe("2");
    fs.rmSync(host.deployTo, { recursive: true });
    const moved = `${copy}-moved`;
    fs.renameSync(copy, moved);
    const again = makeHost(moved);
    again.put("v2", "deployed", 2);
    await again.push();
    expect(sql("SELECT count(*) FROM switchback_trees")).toBe("2");
    expect(sql("SELECT count(*) FROM switchback_trees WHERE deploy_to LIKE '%-moved'")).toBe("1");
    await same(again);
    fs.rmSync(moved, { recursive: true });
  });

  test("of two machines that are copies of each other, each keeps all of its records", async () => {
    const host = makeHost();
    host.put("v1", "deployed", 1);
    await host.push();
    // The same path and the same machine id, as in a second container.
    const kept = path.join(makePlace(), "registry.db");
    host.database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    fs.copyFileSync(path.join(host.deployTo, "registry.db"), kept);
    host.put("v2", "deployed", 2);
    await host.push();
    const twin = { ...makeHost(path.dirname(kept)), deployTo: host.deployTo };
    const { isCopy } = await pushTo(url, twin.database, host.deployTo);
    expect(isCopy).toBe(true);
    await same(host);
    await same(twin);
  });

  test("hosts that begin at once make the tables once, and all of theirs arrives", async () => {
    const hosts = Array.from({ length: 6 }, () => makeHost());
    hosts.forEach((host, index) => {
      host.put("v1", "deployed", index);
      host.operate(`op-${index}`, 150);
    });
    await Promise.all(hosts.map((host) => host.push()));
    for (const host of hosts) await same(host);
    expect(releases()).toBe("v1|sha-of-v1||deployed|2026-11-20 12:00:00");
    expect(sql("SELECT version FROM switchback_schema")).toBe("1");
  });

  test("text that a database cannot hold is told in another way, and keeps nothing back", async () => {
    database = server.createDatabase("-E", "LATIN1", "-T", "template0", "--locale=C");
    url = server.url(database);
    const host = makeHost();
    host.operate("op-1", 1);
    host.database.prepare("UPDATE operations SET message = ?").run("a\0b 🎈");
    expect((await host.push()).count).toBe(2);
    expect(sql("SELECT message FROM switchback_operations")).toBe(String.raw`a\u{fffd}b \u{1f388}`);
  });

  test("all hosts are read as one", async () => {
    const [a, b] = [makeHost(), makeHost()];
    a.put("v1", "deployed", 1);
    a.put("v2", "deployed", 2);
    a.operate("op-1", 2);
    b.put("v1", "deployed", 3);
    await a.push();
    await b.push();
    await connected(url, async (connection) => {
      const reader = postgresReader(connection.sql, "shop");
      const hosts = await reader.hosts();
      expect(hosts.map(({ release_id }) => release_id)).toEqual(expect.arrayContaining(["v1", "v2"]));
      expect((await reader.releases({ limit: 2 })).map(({ release_id, status }) => [release_id, status])).toEqual([
        ["v1", "deployed"],
        ["v2", "deployed"],
      ]);
      expect(await reader.releases({ limit: 9, status: "replaced" })).toMatchObject([
        { release_id: "v1", activation: 1, bytes: null },
      ]);
      expect(await reader.operation("op-1")).toMatchObject({
        operation: { id: "op-1", exit_code: 0 },
        steps: [{ seq: 1 }, { seq: 2 }],
      });
      expect(await reader.operation("op-2")).toBeUndefined();
      const version = await reader.version();
      b.put("v1", "pruned", 9);
      await b.push();
      expect(await reader.version()).not.toBe(version);
    });
  });
});
