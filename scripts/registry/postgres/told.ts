import type { TransactionSql } from "postgres";
import { KINDS, type Waiting } from "../outbox.ts";
import { TABLES } from "./tables.ts";
import type { Tree } from "./tree.ts";

/** Tells a batch of rows, in the caller's transaction: told twice, or late, it changes nothing. */
export async function tellRows(sql: TransactionSql, tree: Tree, batch: Waiting[], isAscii = false): Promise<void> {
  // First the tree's own row: of two that push for one tree, the second waits here.
  const newest = Math.max(...batch.map(({ seq }) => seq));
  await sql`UPDATE switchback_trees SET told_to = greatest(told_to, ${newest}::float8::bigint), pushed_at = now() WHERE id = ${tree.id}`;
  for (const kind of KINDS) {
    const rows = batch.filter((one) => one.kind === kind && Object.keys(one.row).length > 0);
    if (rows.length === 0) continue;
    const json = JSON.stringify(
      rows.map(({ seq, row }) => ({ ...row, change: seq })),
      (_, value: unknown) => (typeof value === "string" ? textOf(value, isAscii) : value),
    );
    const host = TABLES[kind].hasHost ? [tree.host] : [];
    await sql.unsafe(upsertSql(kind), [json, tree.id, tree.app, tree.deployTo, ...host]);
  }
}

/** PostgreSQL's text holds no NUL; that of a database that is not in UTF-8 not every letter. */
function textOf(value: string, isAscii: boolean): string {
  const text = value.toWellFormed().replaceAll("\0", "\uFFFD");
  return isAscii
    ? text.replaceAll(/[^\u0001-\u007f]/gu, (letter) => `\\u{${letter.codePointAt(0)?.toString(16)}}`)
    : text;
}

function upsertSql(kind: keyof typeof TABLES): string {
  const { name, key, columns, hasHost } = TABLES[kind];
  const own = columns.map(([column]) => `"${column}"`);
  const about = ["app", "deploy_to", ...(hasHost ? ["host"] : [])];
  const set = [...about, ...own.filter((column) => !key.includes(column.slice(1, -1))), "change"];
  return `INSERT INTO ${name} AS had (tree, ${about.join(", ")}, ${own.join(", ")}, change)
    SELECT $2, $3, $4, ${hasHost ? "$5, " : ""}${own.map((column) => `told.${column}`).join(", ")}, told.change
    FROM json_to_recordset($1::text::json) AS told (${columns.map(([column, type]) => `"${column}" ${type}`).join(", ")}, change bigint)
    ON CONFLICT (tree, ${key.join(", ")}) DO UPDATE SET ${set.map((column) => `${column} = excluded.${column}`).join(", ")}
    WHERE excluded.change >= had.change`;
}
