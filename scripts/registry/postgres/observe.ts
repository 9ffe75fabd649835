import type { Sql } from "postgres";
import { type Address, showAddress } from "./address.ts";
import { type ConnectOptions, withServer } from "./connection.ts";
import { grantOurs, identifier } from "./problem.ts";
import { observeReleasesTable } from "./releases-table.ts";
import { SCHEMA_VERSION, versionOf } from "./schema.ts";
import { OUR_TABLES } from "./tables.ts";

/** What a look at a server tells, changing nothing. */
export interface ServerFacts {
  name: string;
  /** Milliseconds by which its clock is before ours. */
  skewMs: number;
  /** Of our tables; 0: there are none yet. */
  version: number;
  /** What the role may not do and has to, with the SQL that gives it. */
  grants: { why: string; sql: string }[];
  /** Why the table `releases` is left alone. */
  table: string | undefined;
}

const PATIENCE_MS = 3000;

/** Looks at the server. @throws FailedError where it cannot be reached. */
export const observeServer = (address: Address, places: Pick<ConnectOptions, "file" | "env">): Promise<ServerFacts> =>
  withServer(address, { ...places, totalMs: PATIENCE_MS, patienceMs: PATIENCE_MS }, async ({ sql }) => {
    const version = await versionOf(sql);
    return {
      name: showAddress(address),
      skewMs: await observeSkew(sql),
      version,
      grants: [
        ...(version < SCHEMA_VERSION ? await mayCreate(sql, address.user) : []),
        ...(version > 0 ? await mayWrite(sql, address.user) : []),
      ],
      table: (await observeReleasesTable(sql))?.whyNot,
    };
  });

async function observeSkew(sql: Sql): Promise<number> {
  const before = Date.now();
  const [row] = await sql`SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now`;
  return Number(row?.["now"]) - (before + Date.now()) / 2;
}

async function mayCreate(sql: Sql, user: string): Promise<ServerFacts["grants"]> {
  const [row] = await sql`SELECT current_schema() AS schema, has_schema_privilege(current_schema(), 'CREATE') AS may`;
  const schema = identifier(String(row?.["schema"]));
  return row?.["may"]
    ? []
    : [
        {
          why: `the role ${user} may not make its tables in the schema ${row?.["schema"]}`,
          sql: `GRANT CREATE, USAGE ON SCHEMA ${schema} TO ${identifier(user)};`,
        },
      ];
}

async function mayWrite(sql: Sql, user: string): Promise<ServerFacts["grants"]> {
  const rows = await sql`SELECT name FROM json_array_elements_text(${JSON.stringify(OUR_TABLES)}::text::json) AS name
    WHERE NOT (has_table_privilege(to_regclass(name), 'SELECT') AND has_table_privilege(to_regclass(name), 'INSERT')
      AND has_table_privilege(to_regclass(name), 'UPDATE'))`;
  const names = rows.map(({ name }) => String(name)).join(", ");
  return rows.length === 0 ? [] : [{ why: `the role ${user} may not write to ${names}`, sql: grantOurs(user) }];
}
