import type { Sql } from "postgres";
import type { HostState, LogPlace, Reader, StepRow } from "../../api/reader.ts";
import type { OperationRow } from "../journal.ts";
import { isUnwritable } from "./problem.ts";
import { COLUMNS_OF, findEverywhere, newestEverywhere } from "./rows.ts";
import { versionOf } from "./schema.ts";

/**
 * Reads what all hosts of an application told a server: rows of releases have `host` and `deploy_to` besides. Logs stay on
 * their hosts, and `since` is when the registry recorded it. A server that was told nothing yet has nothing.
 */
export function postgresReader(sql: Sql, app: string): Reader {
  const ask = async <T>(question: () => Promise<T>, none: T) => {
    try {
      return (await versionOf(sql)) === 0 ? none : await question();
    } catch (error) {
      // What the database cannot even spell is not in it.
      if (isUnwritable(error)) return none;
      throw error;
    }
  };
  return {
    hosts: () => ask(async () => [...(await sql.unsafe<HostState[]>(HOSTS, [app]))], []),
    releases: (choice) => ask(() => newestEverywhere(sql, app, choice), []),
    release: (id) => ask(() => findEverywhere(sql, app, id), undefined),
    operations: (choice) => ask(() => newestOperations(sql, app, choice), []),
    operation: (id) => ask(() => operationOf(sql, app, id), undefined),
    log: async () => undefined,
    logPlace: (id) => ask(() => logPlaceOf(sql, app, id), undefined),
    version: () => ask(() => treesVersion(sql, app), "0"),
  };
}

const HOSTS = `SELECT t.host, t.app, t.deploy_to, r.release_id, r.commit_sha, r.updated_at AS since, NULL::boolean AS is_serving,
    to_char(t.pushed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS told_at
  FROM switchback_trees t LEFT JOIN LATERAL (
    SELECT * FROM switchback_releases r WHERE r.tree = t.id AND status IN ('deployed', 'rolled_back')
    ORDER BY activation DESC NULLS LAST LIMIT 1
  ) r ON true
  WHERE t.app = $1 ORDER BY t.host, t.deploy_to, t.id`;

async function newestOperations(
  sql: Sql,
  app: string,
  { limit, releaseId, before }: Parameters<Reader["operations"]>[0],
): Promise<OperationRow[]> {
  const query = `SELECT ${COLUMNS_OF.operations} FROM switchback_operations
    WHERE app = $1 AND ($2::text IS NULL OR release_id = $2) AND ($3::text IS NULL OR (started_at, id) <
      (SELECT started_at, id FROM switchback_operations WHERE app = $1 AND id = $3 LIMIT 1))
    ORDER BY started_at DESC, id DESC LIMIT $4`;
  return [...(await sql.unsafe<OperationRow[]>(query, [app, releaseId ?? null, before ?? null, limit]))];
}

const ONE = "FROM switchback_operations WHERE app = $1 AND id = $2 ORDER BY tree LIMIT 1";

async function operationOf(sql: Sql, app: string, id: string) {
  const [operation] = await sql.unsafe<OperationRow[]>(`SELECT ${COLUMNS_OF.operations} ${ONE}`, [app, id]);
  if (!operation) return undefined;
  const steps = await sql.unsafe<StepRow[]>(
    `SELECT seq::float8 AS seq, key, title, started_at, duration_ms, outcome FROM switchback_steps
     WHERE operation_id = $2 AND tree = (SELECT tree ${ONE}) ORDER BY seq`,
    [app, id],
  );
  return { operation, steps: [...steps] };
}

async function logPlaceOf(sql: Sql, app: string, id: string): Promise<LogPlace | undefined> {
  const [row] = await sql.unsafe<{ host: string; deploy_to: string }[]>(`SELECT host, deploy_to ${ONE}`, [app, id]);
  return row && { host: row.host, file: `${row.deploy_to}/logs/${id}.log` };
}

/** Every push changes a tree's row, in the transaction that tells its records. */
async function treesVersion(sql: Sql, app: string): Promise<string> {
  const [row] = await sql`SELECT md5(coalesce(string_agg(t::text, ' ' ORDER BY id), '')) AS version
    FROM switchback_trees t WHERE app = ${app}`;
  return String(row?.["version"]);
}
