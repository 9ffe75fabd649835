import fs from "node:fs";
import path from "node:path";
import { inTemporaryFolder } from "../core/temporary.ts";

/** Rows of a table now, and in a backup; undefined: there is no such table. */
export interface TableDifference {
  table: string;
  now: number | undefined;
  saved: number | undefined;
}

/** Above so many bytes nobody waits for the rows to be counted. */
export const COUNTED_BYTES = 50_000_000;

/** The tables that have another number of rows in `data` than in `file`; none where one of them cannot be read. */
export async function compareTables(file: string, data: string): Promise<TableDifference[]> {
  const { DatabaseSync } = await import("node:sqlite");
  const rowsOf = (place: string) => {
    const database = new DatabaseSync(place);
    try {
      const names = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
        .all() as { name: string }[];
      const count = (name: string) =>
        (database.prepare(`SELECT count(*) AS rows FROM "${name.replaceAll('"', '""')}"`).get() as { rows: number })
          .rows;
      return new Map(names.map(({ name }) => [name, count(name)]));
    } finally {
      database.close();
    }
  };
  try {
    const now = rowsOf(file);
    // A look at a backup writes nothing beside it.
    const saved = inTemporaryFolder("switchback-backup", (folder) => {
      const copy = path.join(folder, "data");
      fs.copyFileSync(data, copy, fs.constants.COPYFILE_FICLONE);
      return rowsOf(copy);
    });
    return [...new Set([...now.keys(), ...saved.keys()])]
      .toSorted()
      .map((table) => ({ table, now: now.get(table), saved: saved.get(table) }))
      .filter((one) => one.now !== one.saved);
  } catch {
    return [];
  }
}

/** A line for a person: `orders: 12 rows now, 10 in the backup`. */
export function showDifference({ table, now, saved }: TableDifference): string {
  if (saved === undefined) return `${table}: ${rows(now)} now, no such table in the backup`;
  if (now === undefined) return `${table}: no such table now, ${rows(saved)} in the backup`;
  return `${table}: ${rows(now)} now, ${saved} in the backup`;
}

const rows = (count = 0) => `${count} row${count === 1 ? "" : "s"}`;
