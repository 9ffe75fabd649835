import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * One entry a version of the schema; `PRAGMA user_version` says how many a database has. Each only adds what an older suite can leave
 * out (nullable columns, tables, indexes): machines that deploy to one host may have different versions.
 */
const MIGRATIONS = [
  `CREATE TABLE releases (
     id INTEGER PRIMARY KEY,
     release_id TEXT NOT NULL UNIQUE,
     commit_sha TEXT NOT NULL,
     migration_marker TEXT,
     status TEXT NOT NULL,
     deployed_at TEXT,
     previous_release_id TEXT,
     activation INTEGER,
     is_pinned INTEGER NOT NULL DEFAULT 0,
     bytes INTEGER,
     updated_at TEXT NOT NULL
   ) STRICT;
   CREATE TABLE operations (
     id TEXT PRIMARY KEY,
     kind TEXT NOT NULL,
     release_id TEXT,
     previous_release_id TEXT,
     previous_link TEXT,
     status_before TEXT,
     arguments TEXT NOT NULL,
     pid INTEGER NOT NULL,
     host TEXT NOT NULL,
     user TEXT NOT NULL,
     started_at TEXT NOT NULL,
     finished_at TEXT,
     has_touched INTEGER NOT NULL DEFAULT 0,
     outcome TEXT,
     exit_code INTEGER,
     message TEXT
   ) STRICT;
   CREATE INDEX operations_open ON operations (started_at) WHERE finished_at IS NULL;
   CREATE TABLE steps (
     operation_id TEXT NOT NULL REFERENCES operations (id),
     seq INTEGER NOT NULL,
     key TEXT NOT NULL,
     title TEXT NOT NULL,
     started_at TEXT NOT NULL,
     duration_ms REAL,
     outcome TEXT,
     PRIMARY KEY (operation_id, seq)
   ) STRICT;
   CREATE INDEX steps_history ON steps (key, started_at);`,
  "ALTER TABLE releases ADD COLUMN own_bytes INTEGER",
  // What a server has yet to be told (outbox.ts); without registry.url nothing is ever written to either.
  `CREATE TABLE outbox (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     kind TEXT NOT NULL,
     key TEXT NOT NULL,
     UNIQUE (kind, key)
   ) STRICT;
   CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
   CREATE INDEX operations_release ON operations (release_id);`,
];

/** Opens `registry.db` for a command that changes it: WAL, every commit durable, schema brought up to date. */
export function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  database.exec(
    "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON",
  );
  migrate(database);
  return database;
}

/**
 * Opens `registry.db` for a command that only looks; undefined where there is none yet. Opened for writing where that is
 * allowed, and then told to refuse every write: only such a connection takes WAL's two files away again when it is the
 * last one. A reader that may not write reads what is there, or, where it cannot even make WAL's index, the file as it lies.
 */
export function openDatabaseToRead(file: string): DatabaseSync | undefined {
  if (!fs.existsSync(file)) return undefined;
  const ways: [location: string, readOnly: boolean][] = [
    ...(isWritable(file) ? [[file, false] as [string, boolean]] : []),
    [file, true],
    [`file:${encodeURI(file)}?immutable=1`, true],
  ];
  for (const [location, readOnly] of ways) {
    const database = new DatabaseSync(location, { readOnly });
    try {
      database.exec("PRAGMA busy_timeout = 5000; PRAGMA query_only = ON");
      if (versionOf(database) === 0) return void database.close();
      database.prepare("SELECT 1 FROM releases LIMIT 1").get();
      return database;
    } catch {
      database.close();
    }
  }
  return undefined;
}

function isWritable(file: string): boolean {
  try {
    for (const place of [file, path.dirname(file)]) fs.accessSync(place, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function migrate(database: DatabaseSync): void {
  if (versionOf(database) >= MIGRATIONS.length) return;
  transaction(database, () => {
    for (let version = versionOf(database); version < MIGRATIONS.length; version++)
      database.exec(`${MIGRATIONS[version]}; PRAGMA user_version = ${version + 1}`);
  });
}

const versionOf = (database: DatabaseSync) =>
  (database.prepare("PRAGMA user_version").get() as { user_version: number }).user_version;

/** Runs `work` so that its commits wait for no disk: they outlive a kill at once, and a power cut from the next durable commit on. */
export function withoutSync<T>(database: DatabaseSync, work: () => T): T {
  database.exec("PRAGMA synchronous = NORMAL");
  try {
    return work();
  } finally {
    database.exec("PRAGMA synchronous = FULL");
  }
}

/** Runs `work` in one write transaction. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    // After an error of the disk, SQLite has rolled back by itself.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
