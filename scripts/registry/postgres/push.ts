import type { DatabaseSync } from "node:sqlite";
import type { Sql } from "postgres";
import { transaction } from "../database.ts";
import { isAtWork } from "../../release/timeline.ts";
import type { OperationRow } from "../journal.ts";
import { beginNoting, countWaiting, forget, getFact, nextWaiting, noteAll, setFact, type Waiting } from "../outbox.ts";
import type { Connection } from "./connection.ts";
import { isUnwritable } from "./problem.ts";
import { mergeReleases, ensureReleasesTable, type ReleasesTable } from "./releases-table.ts";
import { migrateServer } from "./schema.ts";
import { tellRows } from "./told.ts";
import { introduce, ownTree, type Tree } from "./tree.ts";

/** What a push did. */
export interface Pushed {
  count: number;
  /** Why the table `releases` was left alone, or which of its rows it refused. */
  tableProblems: string[];
  /** The tree is a copy of another one that pushes too, and got a name of its own. */
  isCopy: boolean;
}

/** Rows of the first batch, and of the largest: a slow line gets something across before the time is over. */
const FIRST = 100;
const LARGEST = 2000;

/** From here on every change of the registry waits for a server; answers how many rows wait. */
export function prepareToPush(database: DatabaseSync): number {
  beginNoting(database);
  return countWaiting(database) ?? 0;
}

/** Tells a server all that waits, in batches: each is there completely or not at all, and is forgotten here once it is there. */
export async function push(
  database: DatabaseSync,
  about: { app: string; deployTo: string },
  { sql, isAlive }: Connection,
  onBatch: (count: number) => void = () => {},
): Promise<Pushed> {
  await migrateServer(sql);
  const table = await observeTable(sql, database);
  const { tree, isCopy } = await introduce(sql, database, ownTree(database, about.app, about.deployTo));
  const problems = new Set<string>(table.whyNot === undefined ? [] : [`it is left alone: ${table.whyNot}`]);
  let [after, count, size] = [0, 0, FIRST];
  for (;;) {
    const batch = nextWaiting(database, after, size).map(judged);
    const last = batch.at(-1);
    if (!last) return { count, tableProblems: [...problems], isCopy };
    for (const [id, why] of await tell(sql, tree, table, batch)) problems.add(`${id} is refused: ${why}`);
    forget(database, batch);
    isAlive();
    onBatch((count += batch.length));
    [after, size] = [last.seq, Math.min(LARGEST, size * 2)];
  }
}

/** An operation that was cut off has no end here until one undoes it; nobody elsewhere can see that its process is gone. */
function judged(one: Waiting): Waiting {
  const row = one.row as unknown as OperationRow;
  const isOpen = one.kind === "operations" && row.finished_at === null;
  return isOpen && !isAtWork(row) ? { ...one, row: { ...one.row, outcome: "interrupted" } } : one;
}

/** A table that could not be written to before and can be now is told all releases. */
async function observeTable(sql: Sql, database: DatabaseSync): Promise<ReleasesTable> {
  const table = await ensureReleasesTable(sql);
  const before = getFact(database, "releases_table") ?? "";
  const now = table.whyNot ?? "";
  if (before !== now)
    transaction(database, () => {
      if (now === "") noteAll(database, ["releases"]);
      setFact(database, "releases_table", now);
    });
  return table;
}

async function tell(sql: Sql, tree: Tree, table: ReleasesTable, batch: Waiting[]): Promise<Map<string, string>> {
  const inOne = (isAscii: boolean) =>
    sql.begin(async (tx) => {
      // What somebody else holds in the team's table is waited for no longer than this.
      await tx`SET LOCAL lock_timeout = '2s'`;
      await tellRows(tx, tree, batch, isAscii);
      const ids = batch.filter(({ kind }) => kind === "releases").map(({ row }) => String(row["release_id"]));
      return table.whyNot === undefined ? mergeReleases(tx, table, ids) : new Map<string, string>();
    });
  try {
    return await inOne(false);
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    return await inOne(true);
  }
}

/** All releases of this tree, for a table that may have refused some of them before. */
export async function mergeAll(sql: Sql, database: DatabaseSync): Promise<Pushed["tableProblems"]> {
  const table = await ensureReleasesTable(sql);
  if (table.whyNot !== undefined) return [`it is left alone: ${table.whyNot}`];
  const rows = database.prepare("SELECT release_id FROM releases").all() as { release_id: string }[];
  const refused = await sql.begin((tx) =>
    mergeReleases(
      tx,
      table,
      rows.map(({ release_id }) => release_id),
    ),
  );
  return [...refused].map(([id, why]) => `${id} is refused: ${why}`);
}
