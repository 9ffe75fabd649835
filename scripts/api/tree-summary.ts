import type { DatabaseSync } from "node:sqlite";
import { openOperations } from "../registry/journal.ts";

/** Operations of one kind that ended in one way. */
export interface OperationCount {
  kind: string;
  outcome: string;
  count: number;
  /** How long they took together. */
  seconds: number;
  /** Unix time at which the latest of them ended. */
  last_end: number;
}

const COUNTS = `SELECT kind, coalesce(outcome, 'unknown') AS outcome, count(*) AS count,
    sum(max(0, julianday(finished_at) - julianday(started_at))) * 86400 AS seconds,
    max((julianday(finished_at) - 2440587.5) * 86400) AS last_end
  FROM operations WHERE finished_at IS NOT NULL GROUP BY kind, outcome ORDER BY kind, outcome`;

/** What ended, counted: a look at every operation. */
export const countOperations = (database: DatabaseSync): OperationCount[] =>
  database.prepare(COUNTS).all() as unknown as OperationCount[];

/** How many have no end, of those `isAtWork` and of those that something cut off. */
export function countOpen(
  database: DatabaseSync,
  isAtWork: (row: ReturnType<typeof openOperations>[number]) => boolean,
) {
  const open = openOperations(database);
  const atWork = open.filter(isAtWork).length;
  return { atWork, interrupted: open.length - atWork };
}
