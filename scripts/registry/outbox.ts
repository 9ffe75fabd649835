import type { DatabaseSync } from "node:sqlite";
import { transaction } from "./database.ts";

/** The tables that are pushed, with what names a row of each. */
const KEYS = {
  releases: "release_id",
  operations: "id",
  // An operation's id holds no slash.
  steps: "operation_id || '/' || seq",
} as const;
export type Kind = keyof typeof KEYS;
export const KINDS = Object.keys(KEYS) as Kind[];

/** A row as the registry holds it. */
export type Row = Record<string, string | number | null>;

/** A row that waits to be pushed: `seq` is that of its newest change. */
export interface Waiting {
  seq: number;
  kind: Kind;
  row: Row;
}

const keyOf = (kind: Kind, of: string) => KEYS[kind].replaceAll(/operation_id|release_id|\bid\b|\bseq\b/g, `${of}.$&`);

// A change takes the place of an earlier one of its row, under a new number: what was pushed meanwhile is told apart by it.
const noteSql = (kind: Kind) =>
  `DELETE FROM outbox WHERE kind = '${kind}' AND key = ${keyOf(kind, "NEW")};
   INSERT INTO outbox (kind, key) VALUES ('${kind}', ${keyOf(kind, "NEW")});`;

/**
 * Begins to note every change, by triggers, so that whatever writes the row notes it in the same transaction; what is
 * there already waits as well. Does nothing where it has begun.
 */
export function beginNoting(database: DatabaseSync): void {
  if (isNoting(database)) return;
  transaction(database, () => {
    if (isNoting(database)) return;
    for (const kind of KINDS)
      for (const verb of ["INSERT", "UPDATE"])
        database.exec(
          `CREATE TRIGGER note_${kind}_${verb.toLowerCase()} AFTER ${verb} ON ${kind} BEGIN ${noteSql(kind)} END`,
        );
    noteAll(database);
  });
}

const isNoting = (database: DatabaseSync): boolean =>
  database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = 'note_steps_update'").get() !==
  undefined;

/** Everything waits again: for a server that has lost, or never had, what it was told. Within the caller's transaction. */
export function noteAll(database: DatabaseSync, kinds: readonly Kind[] = KINDS): void {
  for (const kind of kinds) {
    database.prepare("DELETE FROM outbox WHERE kind = ?").run(kind);
    database.exec(`INSERT INTO outbox (kind, key) SELECT '${kind}', ${keyOf(kind, kind)} FROM ${kind} ORDER BY rowid`);
  }
}

/** How many rows wait; undefined in a registry that has noted nothing yet. */
export function countWaiting(database: DatabaseSync): number | undefined {
  try {
    if (!isNoting(database)) return undefined;
    return (database.prepare("SELECT count(*) AS count FROM outbox").get() as { count: number }).count;
  } catch {
    return undefined; // A registry of an earlier version has no such table.
  }
}

/**
 * The next rows that wait, the longest waiting first. Everything in them is on the disk when this returns: a power cut never
 * leaves a server with more than its host knows.
 */
export function nextWaiting(database: DatabaseSync, after: number, limit: number): Waiting[] {
  return transaction(database, () => {
    // A write of what is there already would wait for no disk.
    setFact(database, "read_at", `${new Date().toISOString()} ${crypto.randomUUID()}`);
    const notes = database
      .prepare("SELECT seq, kind, key FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?")
      .all(after, limit) as { seq: number; kind: Kind; key: string }[];
    const readers = Object.fromEntries(KINDS.map((kind) => [kind, readerOf(database, kind)]));
    return notes.map(({ seq, kind, key }) => ({ seq, kind, row: readers[kind]?.(key) ?? {} }));
  });
}

function readerOf(database: DatabaseSync, kind: Kind): (key: string) => Row | undefined {
  if (kind !== "steps") {
    const query = database.prepare(`SELECT * FROM ${kind} WHERE ${KEYS[kind]} = ?`);
    return (key) => query.get(key) as Row | undefined;
  }
  const query = database.prepare("SELECT * FROM steps WHERE operation_id = ? AND seq = ?");
  return (key) => {
    const slash = key.lastIndexOf("/");
    return query.get(key.slice(0, slash), Number(key.slice(slash + 1))) as Row | undefined;
  };
}

/** The server has these: a row that changed since waits on, under its new number. */
export function forget(database: DatabaseSync, told: readonly Waiting[]): void {
  transaction(database, () => {
    const query = database.prepare("DELETE FROM outbox WHERE seq = ?");
    for (const { seq } of told) query.run(seq);
    const newest = Math.max(0, ...told.map(({ seq }) => seq));
    if (newest > Number(getFact(database, "told_to") ?? 0)) setFact(database, "told_to", String(newest));
  });
}

/** The largest number that a change was ever given here. */
export const newestSeq = (database: DatabaseSync): number =>
  (database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").get() as { seq: number } | undefined)
    ?.seq ?? 0;

/** What the registry remembers of its dealings with a server. */
export const getFact = (database: DatabaseSync, name: string): string | undefined =>
  (database.prepare("SELECT value FROM facts WHERE name = ?").get(name) as { value: string } | undefined)?.value;

export const setFact = (database: DatabaseSync, name: string, value: string): void =>
  void database
    .prepare("INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
    .run(name, value);
