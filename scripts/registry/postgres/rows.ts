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

const NUMBERED = SELECT.replace('"id"::float8', '"row_id"::float8');

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

/** Rows of an application as pages of them are read: `id` is the server's own, the newest first. */
export async function newestEverywhere(
  sql: Sql,
  app: string,
  { limit, status, before }: { limit: number; status?: ReleaseStatus | undefined; before?: number | undefined },
): Promise<HostRow[]> {
  const query = `${NUMBERED} WHERE app = $1 AND ($2::text IS NULL OR status = $2) AND ($3::float8 IS NULL OR row_id < $3::float8::bigint)
    ORDER BY row_id DESC LIMIT $4`;
  return [...(await sql.unsafe<HostRow[]>(query, [app, status ?? null, before ?? null, limit]))];
}

/** A release as the host has it that told of it last, under the server's own `id`. */
export async function findEverywhere(sql: Sql, app: string, id: string): Promise<HostRow | undefined> {
  const query = `${NUMBERED} WHERE app = $1 AND release_id = $2 ORDER BY updated_at DESC, host, tree LIMIT 1`;
  return (await sql.unsafe<HostRow[]>(query, [app, id]))[0];
}

/** What each host knows of a release, the one that changed last first. */
export async function getEverywhere(sql: Sql, app: string, id: string): Promise<HostRow[]> {
  if ((await versionOf(sql)) === 0) return [];
  const query = `${SELECT} WHERE app = $1 AND release_id = $2 ORDER BY updated_at DESC, host, tree`;
  return [...(await sql.unsafe<HostRow[]>(query, [app, id]))];
}
