import fs from "node:fs";
import path from "node:path";
import type { StatementSync } from "node:sqlite";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { signal } from "../core/operate.ts";
import { operationId } from "../registry/journal.ts";
import { soundBackup } from "./apply-restore.ts";
import { dataPath } from "./backups.ts";
import { proveByCommand } from "./commands.ts";
import { proveSound } from "./sqlite-file.ts";

/**
 * Restores a backup into a scratch place and reads all of it: SQLite's `integrity_check` and every table, or `database.prove`. Touches nothing.
 * @throws FailedError when the backup is not sound
 */
export async function proveBackup(context: Context, id: string): Promise<string> {
  const fact = soundBackup(context, id);
  if (fact.is_absent) return `${id} says that there was no database.`;
  const data = dataPath(context.paths, id);
  if (fact.kind === "command") return proveLines(context, id, data);
  // Not in /tmp, which is often memory; what a kill leaves goes with the next backup.
  const folder = fs.mkdtempSync(path.join(context.paths.backups, ".proving-"));
  try {
    const copy = path.join(folder, "data");
    fs.copyFileSync(data, copy, fs.constants.COPYFILE_FICLONE);
    await proveSound(copy, `the backup ${id}`);
    const { tables, rows } = await readAll(copy);
    return `${id} is sound: ${tables} tables with ${rows} rows were read.`;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function proveLines(context: Context, id: string, data: string): Promise<string> {
  if (!context.manifest.database?.prove)
    throw new UsageError(
      `${id} is what its sha256 says; more can only database.prove tell, and the manifest has none`,
      {
        next: 'database: { prove: pg_restore -f /dev/null "$BACKUP_FILE" }',
      },
    );
  const operation = operationId("prove");
  const logPath = path.join(context.paths.logs, `${operation}.log`);
  fs.mkdirSync(context.paths.logs, { recursive: true });
  await proveByCommand(context, data, { logPath, operationId: operation, signal: signal() });
  return `${id} is sound, says database.prove.`;
}

async function readAll(file: string): Promise<{ tables: number; rows: number }> {
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(file);
  try {
    const names = database
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")
      .all() as { name: string }[];
    let rows = 0;
    for (const { name } of names) rows += rowsRead(database.prepare(`SELECT * FROM "${name.replaceAll('"', '""')}"`));
    return { tables: names.length, rows };
  } finally {
    database.close();
  }
}

/** Reads every column of every row: that takes more than counting them. */
function rowsRead(statement: StatementSync): number {
  const rows = statement.iterate();
  let count = 0;
  while (rows.next().done !== true) count++;
  return count;
}
