import type { DatabaseSync } from "node:sqlite";
import { transaction } from "./database.ts";
import type { ReleaseStatus } from "../core/step.ts";

/** A release as the registry knows it; the first six are seed 004's columns. */
export interface ReleaseRow {
  id: number;
  release_id: string;
  commit_sha: string;
  migration_marker: string | null;
  status: ReleaseStatus;
  /** ISO 8601 UTC: the first time it was `deployed` or `rolled_back`. */
  deployed_at: string | null;
  /** The good release that served when this one took over. */
  previous_release_id: string | null;
  /** Order in which releases became current; null: never. */
  activation: number | null;
  is_pinned: 0 | 1;
  /** Size when it was built. */
  bytes: number | null;
  updated_at: string;
  /** Of that, what it did not share with another release when it was built; absent where an older version made the registry. */
  own_bytes?: number | null;
}

export interface Upsert {
  releaseId: string;
  sha: string;
  status: ReleaseStatus;
  marker?: string | undefined;
  deployedAt?: string | undefined;
  bytes?: number | undefined;
  ownBytes?: number | undefined;
}

/** Serving now, as far as the registry knows. */
export const isServing = (status: string) => status === "deployed" || status === "rolled_back";

/** Passed its gate the last time that it was tried. */
export const isGood = (status: string) =>
  isServing(status) || status === "replaced" || status === "replaced_by_rollback";

// In the order of the table. A command that only looks may meet a registry without the newest columns.
const COLUMNS = "*";

/** All rows, the newest first. */
export const listRows = (database: DatabaseSync) =>
  database.prepare(`SELECT ${COLUMNS} FROM releases ORDER BY id DESC`).all() as unknown as ReleaseRow[];

/** At most so many rows, the newest first: of one status or of all, older than the row `before` or from the newest on. */
export function newestRows(
  database: DatabaseSync,
  { limit, status, before }: { limit: number; status?: ReleaseStatus | undefined; before?: number | undefined },
): ReleaseRow[] {
  const wanted = [
    ...(status === undefined ? [] : ["status = $status"]),
    ...(before === undefined ? [] : ["id < $before"]),
  ];
  const where = wanted.length > 0 ? `WHERE ${wanted.join(" AND ")}` : "";
  const words = {
    $limit: limit,
    ...(status === undefined ? {} : { $status: status }),
    ...(before === undefined ? {} : { $before: before }),
  };
  const query = database.prepare(`SELECT ${COLUMNS} FROM releases ${where} ORDER BY id DESC LIMIT $limit`);
  return query.all(words) as unknown as ReleaseRow[];
}

export const getRow = (database: DatabaseSync, releaseId: string) =>
  database.prepare(`SELECT ${COLUMNS} FROM releases WHERE release_id = ?`).get(releaseId) as unknown as
    | ReleaseRow
    | undefined;

/** A release and those that served before it, the latest first: what the registry says, never dates. */
export function lineFrom(rows: ReadonlyMap<string, ReleaseRow>, id: string | undefined): Set<string> {
  const line = new Set<string>();
  for (let at = id; at && !line.has(at); at = rows.get(at)?.previous_release_id ?? undefined) line.add(at);
  return line;
}

/**
 * Inserts or updates a release. A marker once set is kept. A release that begins to take over remembers what
 * served before it, unless it is an earlier one of that line: so a rollback goes further back each time, never
 * forward. One that serves takes the place of the one that served.
 */
export function upsertRow(database: DatabaseSync, change: Upsert, now = new Date()): ReleaseRow {
  return transaction(database, () => {
    upsert(database, change, now);
    return getRow(database, change.releaseId) as ReleaseRow;
  });
}

/** `upsertRow` for several, in one transaction: all of them, or none. */
export function upsertRows(database: DatabaseSync, changes: Upsert[], now = new Date()): void {
  transaction(database, () => {
    for (const change of changes) upsert(database, change, now);
  });
}

function upsert(database: DatabaseSync, change: Upsert, now: Date): void {
  const isTakingOver = change.status === "deploying" || isServing(change.status);
  // A look at every row, which only a release that takes over has need of.
  const serving = isTakingOver ? servingRow(database) : undefined;
  write(database, change, now);
  if (serving) remember(database, change.releaseId, serving);
  if (isServing(change.status)) activate(database, change, serving, now);
}

/** Keeps the schema revision of a release's data, in place of an earlier one. */
export const setMarker = (database: DatabaseSync, releaseId: string, marker: string) =>
  database.prepare("UPDATE releases SET migration_marker = ? WHERE release_id = ?").run(marker, releaseId);

/** Marks a release as not to be pruned; false when the registry does not know it. */
export const setPinned = (database: DatabaseSync, releaseId: string, isPinned: boolean) =>
  database.prepare("UPDATE releases SET is_pinned = ? WHERE release_id = ?").run(isPinned ? 1 : 0, releaseId).changes >
  0;

function servingRow(database: DatabaseSync): ReleaseRow | undefined {
  const query = `SELECT ${COLUMNS} FROM releases WHERE status IN ('deployed', 'rolled_back') ORDER BY activation DESC LIMIT 1`;
  return database.prepare(query).get() as unknown as ReleaseRow | undefined;
}

function write(database: DatabaseSync, change: Upsert, now: Date): void {
  const deployedAt = change.deployedAt ?? (isServing(change.status) ? stamp(now) : null);
  database
    .prepare(
      `INSERT INTO releases (release_id, commit_sha, migration_marker, status, deployed_at, bytes, own_bytes, updated_at)
       VALUES ($id, $sha, $marker, $status, $deployedAt, $bytes, $ownBytes, $now)
       ON CONFLICT (release_id) DO UPDATE SET
         commit_sha = CASE WHEN $sha = '' THEN commit_sha ELSE $sha END,
         migration_marker = coalesce($marker, migration_marker),
         status = $status,
         deployed_at = ${change.deployedAt ? "$deployedAt" : "coalesce(deployed_at, $deployedAt)"},
         bytes = coalesce($bytes, bytes),
         own_bytes = coalesce($ownBytes, own_bytes),
         updated_at = $now`,
    )
    .run({
      $id: change.releaseId,
      $sha: change.sha,
      $marker: change.marker ?? null,
      $status: change.status,
      $deployedAt: deployedAt,
      $bytes: change.bytes ?? null,
      $ownBytes: change.ownBytes ?? null,
      $now: stamp(now),
    });
}

function remember(database: DatabaseSync, releaseId: string, serving: ReleaseRow): void {
  if (serving.release_id === releaseId || lineOf(database, serving).has(releaseId)) return;
  database
    .prepare("UPDATE releases SET previous_release_id = ? WHERE release_id = ?")
    .run(serving.release_id, releaseId);
}

function activate(database: DatabaseSync, change: Upsert, serving: ReleaseRow | undefined, now: Date): void {
  if (serving?.release_id === change.releaseId) return;
  database
    .prepare(
      "UPDATE releases SET activation = (SELECT coalesce(max(activation), 0) + 1 FROM releases) WHERE release_id = ?",
    )
    .run(change.releaseId);
  const left = change.status === "rolled_back" ? "replaced_by_rollback" : "replaced";
  database
    .prepare(
      "UPDATE releases SET status = ?, updated_at = ? WHERE status IN ('deployed', 'rolled_back') AND release_id <> ?",
    )
    .run(left, stamp(now), change.releaseId);
}

/** The releases that served before a row, each the one before the other. */
function lineOf(database: DatabaseSync, row: ReleaseRow): Set<string> {
  const line = new Set<string>();
  for (let at: ReleaseRow | undefined = row; at?.previous_release_id && !line.has(at.previous_release_id);) {
    line.add(at.previous_release_id);
    at = getRow(database, at.previous_release_id);
  }
  return line;
}

/** ISO 8601 UTC in seconds, as RELEASE.json and the registry hold it. */
export const stamp = (date: Date) => `${date.toISOString().slice(0, 19)}Z`;

/** `20261120-221530`, UTC: how release ids and operations begin, so that they sort by time. */
export const compactStamp = (date: Date) =>
  date
    .toISOString()
    .replaceAll(/[-:]|\.\d+Z/g, "")
    .replace("T", "-");
