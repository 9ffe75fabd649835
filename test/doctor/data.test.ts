import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { observeSets } from "../../scripts/dependencies/facts.ts";
import { observeSource } from "../../scripts/build/source.ts";
import { contextOf } from "../../scripts/core/context.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { firstProgram } from "../../scripts/doctor/script-words.ts";
import { openDatabase } from "../../scripts/registry/database.ts";
import { upsertRow } from "../../scripts/registry/releases.ts";
import { lastFirings } from "../../scripts/schedule/firings.ts";
import { makePlace, type Place } from "./place.ts";

let place: Place;
beforeEach(() => void (place = makePlace()));
afterEach(() => fs.rmSync(place.path, { recursive: true }));

const next = async (check: string) => (await place.look()).filter((one) => one.check === check).map((one) => one.next);

describe("dependency sets", () => {
  const SET = (more = "") =>
    `source: { via: worktree }\ndependencies: { api: { path: venv, key: lock.txt, needs: "python3${more}", run: "true" } }\n`;
  const directory = () => {
    const context = contextOf(loadManifest({ filePath: path.join(place.path, "app/deploy.yaml"), env: {} }));
    return observeSets(context, observeSource(context.manifest.source, undefined))[0]?.directory ?? "";
  };

  test("a lockfile that is not there, and a tool of a version that will not do", async () => {
    place.manifest(SET(">=99"));
    const [lockfile = "", tool = ""] = await place.said("dependencies");
    expect(lockfile).toMatch(/^wrong: dependencies\.api\.key: lock\.txt is not in /);
    expect(tool).toMatch(/^wrong: dependencies\.api\.needs: python3>=99 is needed/);
    expect((await next("dependencies"))[0]?.[0]).toMatch(/python/);
  });

  test("not made yet, complete, and complete with what it was made for gone", async () => {
    place.manifest(SET());
    fs.writeFileSync(path.join(place.path, "app/lock.txt"), "left==1\n");
    place.deploy();
    expect((await place.said("dependencies"))[0]).toMatch(/^note: api \([0-9a-f]{16}\) is not made yet/);
    const set = directory();
    fs.mkdirSync(path.join(set, "venv"), { recursive: true });
    fs.writeFileSync(path.join(set, ".complete"), "{}");
    fs.writeFileSync(
      path.join(place.tree, "releases/r1/RELEASE.json"),
      JSON.stringify({ deps: { api: path.basename(set) } }),
    );
    expect(await place.said("dependencies")).toEqual([`ok: api (${path.basename(set)})`]);
    fs.rmdirSync(path.join(set, "venv"));
    expect((await place.said("dependencies"))[0]).toMatch(/^wrong: api .* says it is complete, and .*venv is gone$/);
    expect(await next("dependencies")).toEqual([["ops/release/build_release.ts"]]);
  });

  test("one that no release has is named with its size", async () => {
    place.manifest("");
    place.deploy();
    place.put({
      "shared/deps/api/0123456789abcdef/.complete": "{}",
      "shared/deps/api/0123456789abcdef/x": "x".repeat(50_000),
    });
    expect((await place.said("dependencies"))[0]).toMatch(
      /^note: no release has api\/0123456789abcdef: \d\d(\.\d)? kB$/,
    );
    place.put({ "releases/r1/RELEASE.json": '{"deps":{"api":"0123456789abcdef"}}' });
    expect(await place.said("dependencies")).toEqual([]);
  });
});

describe("the database", () => {
  test("a file that is there, not yet, or no database", async () => {
    place.manifest("linked_dirs: [data]\ndatabase: { sqlite: data/a.db }\n");
    place.deploy();
    expect(await place.said("database")).toEqual([`note: ${place.tree}/shared/data/a.db does not exist yet`]);
    place.put({ "shared/data/a.db": "SQLite format 3\0 and more" });
    expect(await place.said("database")).toEqual([`ok: ${place.tree}/shared/data/a.db, 25 B`]);
    place.put({ "shared/data/a.db": "no database at all" });
    expect(await place.said("database")).toEqual([`wrong: ${place.tree}/shared/data/a.db is no SQLite database`]);
  });

  test("one that nothing links into a release", async () => {
    place.manifest("database: { sqlite: data/a.db }\n");
    place.deploy();
    expect((await place.said("database"))[1]).toBe("note: nothing links data/a.db into a release");
  });

  test("behind commands: what they start, and that nothing proves a backup", async () => {
    const lines = (backup: string, more = "") =>
      place.manifest(
        `database:\n  backup: |\n    export PGPASSFILE=x PGHOST=y\n    ${backup}\n  restore: cat "$BACKUP_FILE"\n${more}`,
      );
    lines('no-such-dump --file="$BACKUP_FILE"');
    place.deploy();
    expect(await place.said("database")).toEqual(["wrong: database.backup: no-such-dump is not in PATH"]);
    lines('cp a "$BACKUP_FILE"');
    expect((await place.said("database"))[1]).toMatch(/^note: without database\.prove/);
    lines('cp a "$BACKUP_FILE"', '  prove: test -s "$BACKUP_FILE"\n');
    expect(await place.said("database")).toEqual(["ok: behind commands"]);
  });

  test("a migration without a marker is told of", async () => {
    place.manifest('migrate: { run: "true" }\ndatabase: { backup: "true", restore: "true" }\n');
    expect((await place.said("manifest")).join("\n")).toMatch(/note: migrate: without marker, a rollback/);
  });
});

describe("backups", () => {
  const backup = (hours: number) =>
    place.put({
      "backups/20261120-031000-backup-3f0c/BACKUP.json": JSON.stringify({
        reason: "scheduled",
        kind: "sqlite",
        created_at: new Date(Date.now() - hours * 3_600_000).toISOString(),
      }),
    });
  const scheduled = "linked_dirs: [data]\ndatabase: { sqlite: data/a.db }\nbackups: { schedule: '0 4 * * *' }\n";

  test("none yet; a fresh one; one of which two successors are missing", async () => {
    place.manifest(scheduled);
    place.deploy();
    expect(await place.said("backups")).toEqual(["note: there is none yet"]);
    backup(20);
    expect((await place.said("backups"))[0]).toMatch(/^ok: the newest is 20 h/);
    backup(50);
    expect((await place.said("backups"))[0]).toMatch(/^wrong: the newest is 2 d 2 h old/);
    place.manifest(scheduled.replace("0 4 * * *", "0 4 1 * *"));
    expect((await place.said("backups"))[0]).toMatch(/^ok: /);
  });

  test("one that was never finished", async () => {
    place.manifest(scheduled);
    place.deploy();
    backup(1);
    place.put({ "backups/20261121-031000-backup-ab12/data": "half" });
    expect((await place.said("backups"))[1]).toMatch(
      /^note: never finished: .*20261121-031000-backup-ab12; the next one/,
    );
  });
});

test("what a migration left holding, while nothing is at work", async () => {
  place.manifest("");
  place.deploy();
  expect(await place.said("hold")).toEqual([]);
  place.put({ "run/migrating-jobs": "" });
  expect(await next("hold")).toEqual([["ops/release/recover.ts"]]);
  place.put({ "run/migrating": "" });
  expect((await next("hold"))[0]).toContain("ops/service/start.ts");
  const database = openDatabase(path.join(place.tree, "registry.db"));
  database
    .prepare(
      "INSERT INTO operations (id, kind, arguments, pid, host, user, started_at) VALUES ('a', 'switch', '[]', ?, 'h', 'u', '2026-01-01T00:00:00Z')",
    )
    .run(process.pid);
  database.close();
  expect(await place.said("hold")).toEqual([]);
});

test("a drain that cannot start", async () => {
  place.manifest("drain: { run: bin/idle --all, every: 1s, timeout: 2s, then: abort }\n");
  place.deploy();
  expect((await place.said("drain"))[0]).toMatch(/^wrong: drain\.run: .*bin\/idle is not there/);
  place.put({ "releases/r1/bin/idle": "#!/bin/sh\n" });
  fs.chmodSync(path.join(place.tree, "releases/r1/bin/idle"), 0o755);
  expect(await place.said("drain")).toEqual([]);
});

test("room is reckoned from the last build", async () => {
  place.manifest("");
  const git = (...words: string[]) =>
    execFileSync("git", ["-C", path.join(place.path, "app"), ...words], { stdio: "pipe" });
  git("init", "-q");
  git("add", "-A");
  git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one");
  place.deploy();
  expect((await place.said("disk"))[0]).toMatch(/free and|free in/);
  const record = (bytes: number) => {
    const database = openDatabase(path.join(place.tree, "registry.db"));
    upsertRow(database, { releaseId: "r1", sha: "a", status: "deployed", bytes });
    database.close();
  };
  record(40e6);
  expect((await place.said("disk"))[0]).toMatch(/^ok: .*the next release takes about 4\d\.\d MB$/);
  record(1e15);
  expect((await place.said("disk"))[0]).toMatch(/^wrong: no room for a release/);
  expect((await next("disk"))[0]?.[0]).toMatch(/prune\.ts --keep 2/);
});

test.each([
  ['export A=1 B=2\npg_dump --file="$F"', "pg_dump"],
  ["PGUSER=x pg_dump", "pg_dump"],
  ["cd x\n# a comment\n.venv/bin/python -m app", ".venv/bin/python"],
  ['"$PYTHON" -m app', undefined],
  ["true", undefined],
])("of %j the first program is %s", (lines, program) => expect(firstProgram([lines])).toBe(program));

test.each([
  ["0 4 * * *", ["2026-11-20T04:00", "2026-11-19T04:00"]],
  ["*/30 * * * *", ["2026-11-20T12:00", "2026-11-20T11:30"]],
  ["0 4 1 * *", ["2026-11-01T04:00", "2026-10-01T04:00"]],
  ["0 4 * * mon", ["2026-11-16T04:00", "2026-11-09T04:00"]],
  ["0 4 1 * mon", ["2026-11-16T04:00", "2026-11-09T04:00"]],
  ["0 0 29 2 *", ["2024-02-29T00:00"]],
])("%s came last at %j", (cron, times) => {
  const found = lastFirings(cron, new Date("2026-11-20T12:10"), 2);
  expect(found).toEqual(times.map((time) => new Date(time)));
});
