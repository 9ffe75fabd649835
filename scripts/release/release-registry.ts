import fs from "node:fs";
import path from "node:path";
import { applyRecord } from "../core/actions.ts";
import { openDatabase, openDatabaseToRead } from "../registry/database.ts";
import { UsageError } from "../core/errors.ts";
import type { Paths } from "../core/paths.ts";
import { type ReleaseStatus, STATUSES } from "../core/step.ts";
import { checkedId } from "../core/release-id.ts";
import { getRow, listRows, type ReleaseRow, stamp, type Upsert } from "../registry/releases.ts";

/** What a caller typed; an empty marker or time counts as not given, as shell scripts pass them on. */
export interface UpsertWords {
  releaseId?: string | undefined;
  commitSha?: string | undefined;
  status?: string | undefined;
  migrationMarker?: string | undefined;
  deployedAt?: string | undefined;
}

/** A row as the command and the HTTP API give it: seed 004's six keys first. */
export const rowJson = (row: ReleaseRow) => ({ ...row, is_pinned: row.is_pinned === 1 });

/** Checks the words of an upsert. @throws UsageError for the first that is missing or wrong. */
export function checkedUpsert(words: UpsertWords): Upsert {
  return {
    releaseId: checkedId(given("--release-id", words.releaseId)),
    sha: checkedSha(given("--commit-sha", words.commitSha)),
    status: checkedStatus(given("--status", words.status)),
    marker: checkedMarker(words.migrationMarker || undefined),
    deployedAt: words.deployedAt ? checkedTime(words.deployedAt) : undefined,
  };
}

/** A required option. */
export function given(option: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new UsageError(`${option} is missing`, { next: "ops/release/release-registry.ts --help" });
}

// An empty one leaves what the registry has: so the suite itself records a release of which it has no commit.
function checkedSha(sha: string): string {
  if (/^(?!-)[\w./+-]{0,128}$/.test(sha)) return sha;
  throw new UsageError(`--commit-sha: ${JSON.stringify(sha)} is no commit`);
}

/** @throws UsageError for anything that is no status (SPEC section 4). */
export function checkedStatus(status: string): ReleaseStatus {
  const found = STATUSES.find((known) => known === status);
  if (found) return found;
  throw new UsageError(`--status: ${JSON.stringify(status)} is none of ${STATUSES.join(", ")}`);
}

function checkedMarker(marker: string | undefined): string | undefined {
  if (marker === undefined || /^[^\u0000-\u001f\u007f]{1,200}$/.test(marker)) return marker;
  throw new UsageError(
    `--migration-marker: ${JSON.stringify(marker)} is no schema revision: one line of at most 200 characters`,
  );
}

const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)$/;

/** ISO 8601 with a zone, as UTC. */
function checkedTime(text: string): string {
  const [, day = "", time = "", zone = ""] = TIME.exec(text) ?? [];
  const local = new Date(`${day}T${time}Z`);
  // A day such as 2026-02-30 is read as one in March by some runtimes: what was read has to be what was written.
  const isReal = !Number.isNaN(local.getTime()) && stamp(local) === `${day}T${time}Z`;
  const instant = new Date(`${day}T${time}${zone.replace(/^(.\d\d)(\d\d)$/, "$1:$2")}`);
  if (isReal && !Number.isNaN(instant.getTime())) return stamp(instant);
  throw new UsageError(
    `--deployed-at: ${JSON.stringify(text)} is no ISO 8601 time with its zone, such as 2026-11-20T22:15:30Z`,
  );
}

/** Inserts or updates a row; makes registry.db where a tree has none yet. Takes no lock: operations and hooks call it under theirs. */
export function applyUpsert(paths: Paths, change: Upsert): ReleaseRow {
  refuseNoTree(paths);
  const database = openDatabase(paths.registry);
  try {
    return applyRecord(paths, database, change);
  } finally {
    database.close();
  }
}

/** Rows of a status, or all, the newest first. */
export function observeRows(paths: Paths, limit: number, status: ReleaseStatus | undefined): ReleaseRow[] {
  refuseNoTree(paths);
  const database = openDatabaseToRead(paths.registry);
  const rows = database ? listRows(database) : [];
  database?.close();
  return rows.filter((row) => status === undefined || row.status === status).slice(0, limit);
}

/** One row; undefined when the registry does not know the release. */
export function observeRow(paths: Paths, id: string): ReleaseRow | undefined {
  refuseNoTree(paths);
  const database = openDatabaseToRead(paths.registry);
  const row = database ? getRow(database, checkedId(id)) : undefined;
  database?.close();
  return row;
}

function refuseNoTree({ deployTo }: Paths): void {
  if (fs.statSync(deployTo, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new UsageError(`there is no tree ${deployTo}`, { next: `mkdir -p ${path.join(deployTo, "releases")}` });
}
