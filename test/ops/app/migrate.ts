// Brings the database of these tests to a release's schema: each line of migrate.sql is committed by itself. SLEEP waits.
import { existsSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

const database = new DatabaseSync("data/app.db");
database.exec("PRAGMA journal_mode = WAL");
const isThere = (column: string) =>
  database.prepare("SELECT 1 FROM pragma_table_info('orders') WHERE name = ?").get(column) !== undefined;
for (const line of existsSync("migrate.sql") ? readFileSync("migrate.sql", "utf8").split("\n") : []) {
  const [, column] = /ADD COLUMN (\w+)/.exec(line) ?? [];
  if (line === "SLEEP") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000);
  else if (column === undefined || !isThere(column)) database.exec(line);
}
database.close();
