import type { Sql } from "postgres";
import type { HostState, Reader, StepRow } from "../../api/reader.ts";
import type { OperationRow } from "../journal.ts";
import { COLUMNS_OF, getEverywhere, listEverywhere } from "./rows.ts";

/**
 * Reads what all hosts of an application told a server: rows of releases have `host` and `deploy_to` besides. Logs stay on
 * their hosts, and `since` is when the registry recorded it.
 */
export function postgresReader(sql: Sql, app: string): Reader {
  const operations = COLUMNS_OF.operations;
  return {
    hosts: async () => [...(await sql.unsafe<HostState[]>(HOSTS, [app]))],
    // The ids of several hosts are in no common order: of these there is one page.
    releases: async (choice) => (choice.before === undefined ? listEverywhere(sql, app, choice) : []),
    release: async (id) => (await getEverywhere(sql, app, id))[0],
    operations: async ({ limit, releaseId, before }) => [
      ...(await sql.unsafe<OperationRow[]>(
        `SELECT ${operations} FROM switchback_operations
         WHERE app = $1 AND ($2::text IS NULL OR release_id = $2) AND ($3::text IS NULL OR (started_at, id) <
           (SELECT started_at, id FROM switchback_operations WHERE app = $1 AND id = $3 LIMIT 1))
         ORDER BY started_at DESC, id DESC LIMIT $4`,
        [app, releaseId ?? null, before ?? null, limit],
      )),
    ],
    operation: async (id) => {
      const found = `FROM switchback_operations WHERE app = $1 AND id = $2 ORDER BY tree LIMIT 1`;
      const [operation] = await sql.unsafe<OperationRow[]>(`SELECT ${operations} ${found}`, [app, id]);
      if (!operation) return undefined;
      const steps = await sql.unsafe<StepRow[]>(
        `SELECT seq::float8 AS seq, key, title, started_at, duration_ms, outcome FROM switchback_steps
         WHERE operation_id = $2 AND tree = (SELECT tree ${found}) ORDER BY seq`,
        [app, id],
      );
      return { operation, steps: [...steps] };
    },
    log: async () => undefined,
    version: async () => {
      const [row] = await sql`SELECT count(*) || '.' || coalesce(sum(told_to), 0) || '.' ||
        coalesce(extract(epoch FROM max(pushed_at)), 0) AS version FROM switchback_trees WHERE app = ${app}`;
      return String(row?.["version"]);
    },
  };
}

const HOSTS = `SELECT t.host, t.app, t.deploy_to, r.release_id, r.commit_sha, r.updated_at AS since
  FROM switchback_trees t LEFT JOIN LATERAL (
    SELECT * FROM switchback_releases r WHERE r.tree = t.id AND status IN ('deployed', 'rolled_back')
    ORDER BY activation DESC NULLS LAST LIMIT 1
  ) r ON true
  WHERE t.app = $1 ORDER BY t.host, t.deploy_to, t.id`;
