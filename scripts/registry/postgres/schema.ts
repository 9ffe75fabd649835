import type { Sql, TransactionSql } from "postgres";
import { FailedError } from "../../core/errors.ts";
import type { Kind } from "../outbox.ts";
import { TABLES } from "./tables.ts";

// `change` is the number that the host gave a row's newest change: an older one that comes late changes nothing. `row_id` is
// the order in which the server learned of the releases of all hosts.
const tableSql = ({ name, key, columns, hasHost }: (typeof TABLES)[Kind]) => `CREATE TABLE ${name} (
  tree text NOT NULL REFERENCES switchback_trees ON DELETE CASCADE,
  app text NOT NULL,
  ${hasHost ? "row_id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,\n  host text NOT NULL,\n  " : ""}deploy_to text NOT NULL,
  ${columns.map(([column, type]) => `"${column}" ${type}${key.includes(column) ? " NOT NULL" : ""}`).join(",\n  ")},
  change bigint NOT NULL,
  PRIMARY KEY (tree, ${key.join(", ")})
);`;

/** One entry a version; `switchback_schema` says how many a database has. Columns are only ever added: older hosts push on. */
const MIGRATIONS = [
  `CREATE TABLE switchback_schema (version integer NOT NULL);
INSERT INTO switchback_schema VALUES (0);
CREATE TABLE switchback_trees (
  id text PRIMARY KEY,
  app text NOT NULL,
  host text NOT NULL,
  deploy_to text NOT NULL,
  told_to bigint NOT NULL DEFAULT 0,
  pushed_at timestamptz NOT NULL DEFAULT now()
);
${Object.values(TABLES).map(tableSql).join("\n")}
CREATE INDEX switchback_releases_by_id ON switchback_releases (release_id);
CREATE INDEX switchback_operations_by_time ON switchback_operations (started_at, id);
CREATE INDEX switchback_operations_by_release ON switchback_operations (release_id);`,
];

/** The version that this suite wants. */
export const SCHEMA_VERSION = MIGRATIONS.length;

// The first half is the suite's own; the second says what is done under it.
const LOCK = 0x73_77_62;
const MIGRATING = 1;
const MERGING = 2;
/** Waits for other hosts that do the same; ends with the transaction, as a pooler's sessions are nobody's. */
export const lockMerging = (sql: TransactionSql) => sql`SELECT pg_advisory_xact_lock(${LOCK}::int, ${MERGING}::int)`;

/** The version of our tables in a database; 0: there are none. */
export async function versionOf(sql: Sql | TransactionSql): Promise<number> {
  // to_regclass would answer from a cache that does not know what another host made while this one waited for the lock.
  const [found] = await sql`SELECT current_schema() AS schema, EXISTS (
    SELECT FROM pg_class WHERE relname = 'switchback_schema' AND pg_table_is_visible(oid)) AS "isThere"`;
  if (found?.["schema"] == null)
    throw new FailedError("no schema of its search_path is there, or may be used by this role");
  if (!found["isThere"]) return 0;
  const [row] = await sql`SELECT version FROM switchback_schema`;
  return Number(row?.["version"] ?? 0);
}

/** Makes our tables, or brings them up to date; of several hosts at once, one. */
export async function migrateServer(sql: Sql): Promise<void> {
  if ((await versionOf(sql)) >= SCHEMA_VERSION) return;
  await sql.begin(async (tx) => {
    await tx`SELECT pg_advisory_xact_lock(${LOCK}::int, ${MIGRATING}::int)`;
    for (let version = await versionOf(tx); version < SCHEMA_VERSION; version++) {
      await tx.unsafe(MIGRATIONS[version] as string);
      await tx`UPDATE switchback_schema SET version = ${version + 1}::int`;
    }
  });
}
