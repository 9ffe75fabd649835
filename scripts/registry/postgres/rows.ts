import type { Sql } from "postgres";
import type { ReleaseStatus } from "../../core/step.ts";
import type { ReleaseRow } from "../releases.ts";
import { versionOf } from "./schema.ts";
import { TABLES } from "./tables.ts";

/** A release as one host has it. */
export interface HostRow extends ReleaseRow {
  host: string;
  app: string;
  deploy_to: string;
}

// What may be longer than a number of JavaScript's can say comes as text; none of these is that long.
const columnsOf = (kind: keyof typeof TABLES) =>
  TABLES[kind].columns
    .map(([name, type]) => (type === "bigint" ? `"${name}"::float8 AS "${name}"` : `"${name}"`))
    .join(", ");

/** For a SELECT of the columns that a host has too. */
export const COLUMNS_OF = { releases: columnsOf("releases"), operations: columnsOf("operations") };

const SELECT = `SELECT ${COLUMNS_OF.releases}, host, app, deploy_to FROM switchback_releases`;

/** Rows of an application on all hosts, the one that changed last first. Nothing where nobody has pushed yet. */
export async function listEverywhere(
  sql: Sql,
  app: string,
  { limit, status }: { limit: number; status?: ReleaseStatus | undefined },
): Promise<HostRow[]> {
  if ((await versionOf(sql)) === 0) return [];
  const query = `${SELECT} WHERE app = $1 AND ($2::text IS NULL OR status = $2) ORDER BY updated_at DESC, id DESC, host, tree LIMIT $3`;
  return [...(await sql.unsafe<HostRow[]>(query, [app, status ?? null, limit]))];
}

/** What each host knows of a release, the one that changed last first. */
export async function getEverywhere(sql: Sql, app: string, id: string): Promise<HostRow[]> {
  if ((await versionOf(sql)) === 0) return [];
  const query = `${SELECT} WHERE app = $1 AND release_id = $2 ORDER BY updated_at DESC, host, tree`;
  return [...(await sql.unsafe<HostRow[]>(query, [app, id]))];
}
