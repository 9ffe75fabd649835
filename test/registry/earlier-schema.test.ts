import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDatabase, openDatabaseToRead } from "../../scripts/registry/database.ts";
import { listRows } from "../../scripts/registry/releases.ts";

let file = "";

/** A registry as its first version made it. */
beforeEach(() => {
  file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-registry-")), "registry.db");
  const database = new DatabaseSync(file);
  database.exec(`CREATE TABLE releases (
      id INTEGER PRIMARY KEY, release_id TEXT NOT NULL UNIQUE, commit_sha TEXT NOT NULL, migration_marker TEXT, status TEXT NOT NULL,
      deployed_at TEXT, previous_release_id TEXT, activation INTEGER, is_pinned INTEGER NOT NULL DEFAULT 0, bytes INTEGER, updated_at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE operations (id TEXT PRIMARY KEY, kind TEXT NOT NULL, release_id TEXT, started_at TEXT NOT NULL, finished_at TEXT) STRICT;
    CREATE TABLE steps (operation_id TEXT NOT NULL, seq INTEGER NOT NULL, key TEXT NOT NULL, started_at TEXT NOT NULL) STRICT;
    INSERT INTO releases (release_id, commit_sha, status, bytes, updated_at) VALUES ('r1', 'abc', 'built', 7, '2026-11-20T00:00:00Z');
    PRAGMA user_version = 1`);
  database.close();
});
afterEach(() => fs.rmSync(path.dirname(file), { recursive: true }));

const row = { release_id: "r1", bytes: 7, is_pinned: 0 };

test("a command that only looks reads a registry of an earlier version, and leaves it as it is", () => {
  const database = openDatabaseToRead(file);
  const rows = database && listRows(database);
  database?.close();
  expect(rows).toMatchObject([row]);
  expect(Object.keys(rows?.[0] ?? {}).slice(0, 6)).toEqual([
    "id",
    "release_id",
    "commit_sha",
    "migration_marker",
    "status",
    "deployed_at",
  ]);
  expect(rows?.[0]).not.toHaveProperty("own_bytes");
});

test("a command that changes something brings it up to date, once", () => {
  for (let i = 0; i < 2; i++) {
    const database = openDatabase(file);
    expect(listRows(database)).toMatchObject([{ ...row, own_bytes: null }]);
    database.close();
  }
});
