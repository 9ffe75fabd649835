import os from "node:os";
import path from "node:path";
import { openDatabaseToRead } from "../registry/database.ts";
import type { OperationRow } from "../registry/journal.ts";
import type { Paths } from "../core/paths.ts";
import { seconds } from "../terminal/durations.ts";
import { reporter } from "../terminal/reporter.ts";
import { observeProcessFacts, startedAt } from "../processes/processes.ts";
import { showTime } from "../text/amounts.ts";
import { type Column, printable, renderTable } from "../text/table.ts";

/** An operation as `list --timeline --json` gives it. */
export interface TimelineEntry {
  operation: string;
  kind: string;
  release_id: string | null;
  previous_release_id: string | null;
  /** `done failed refused restored stranded interrupted unrecovered`, or `at work`. */
  outcome: string;
  exit_code: number | null;
  /** What was said at its end. */
  message: string | null;
  started_at: string;
  finished_at: string | null;
  /** For one at work: until now; null for one that a crash cut off. */
  duration_ms: number | null;
  user: string;
  host: string;
  pid: number;
  log_path: string;
}

/** What ran when, the latest first; the order is the registry's, whatever the clock did. */
export function observeTimeline(paths: Paths, limit: number): TimelineEntry[] {
  const database = openDatabaseToRead(paths.registry);
  if (!database) return [];
  const query = "SELECT * FROM operations ORDER BY rowid DESC LIMIT ?";
  const rows = database.prepare(query).all(limit) as unknown as OperationRow[];
  database.close();
  return rows.map((row) => entryOf(paths, row));
}

/** An operation's record, with how it stands now. */
export function entryOf(paths: Paths, row: OperationRow, now = new Date()): TimelineEntry {
  const { id, kind, release_id, previous_release_id, exit_code, message, started_at, finished_at, user, host, pid } =
    row;
  const isRunning = finished_at === null && isAtWork(row);
  const end = finished_at ?? (isRunning ? now.toISOString() : null);
  return {
    operation: id,
    kind,
    release_id,
    previous_release_id,
    outcome: row.outcome ?? (isRunning ? "at work" : "interrupted"),
    exit_code,
    message,
    started_at,
    finished_at,
    duration_ms: end === null ? null : Math.max(0, Date.parse(end) - Date.parse(started_at)),
    user,
    host,
    pid,
    log_path: path.join(paths.logs, `${id}.log`),
  };
}

/** Clock ticks and the journal's own write lie between a process's start and its operation's. */
const TOLERANCE = 2000;

/**
 * Whether an operation without an end is at work. Asked of its process: to try the lock would refuse a command that
 * comes at that moment. A process that was started after the operation has only got the same number.
 */
export function isAtWork({ pid, host, started_at }: Pick<OperationRow, "pid" | "host" | "started_at">): boolean {
  if (host !== os.hostname()) return true;
  const facts = observeProcessFacts(pid);
  return facts !== undefined && startedAt(facts).getTime() <= Date.parse(started_at) + TOLERANCE;
}

/** `deploy 20261120-221530-a1b2c3d, by deploy (pid 4711), since 2026-11-20 22:15:30 UTC`. */
export function showOperation({ kind, release_id, user, host, pid, started_at }: TimelineEntry): string {
  const place = host === os.hostname() ? "" : ` on ${host}`;
  return `${[kind, release_id].filter(Boolean).join(" ")}, by ${user} (pid ${pid}${place}), since ${showTime(started_at)} UTC`;
}

/** The table for a person; what went wrong stands below its line. */
export function renderTimeline(entries: TimelineEntry[]): string {
  if (entries.length === 0) return "nothing has run here yet";
  const [titles = "", ...lines] = renderTable(COLUMNS, entries);
  const body = entries.flatMap((entry, i) => [paint(lines[i] ?? "", entry), ...reasons(entry)]);
  return [reporter().paint("dim", titles), ...body].join("\n");
}

function reasons({ outcome, message }: TimelineEntry): string[] {
  if (outcome === "done" || !message) return [];
  const [first = ""] = message.split("\n");
  return [reporter().paint("dim", `    ${printable(first)}`)];
}

const COLUMNS: Column<TimelineEntry>[] = [
  { title: "STARTED (UTC)", cell: ({ started_at }) => showTime(started_at) },
  { title: "WHAT", cell: ({ kind }) => kind },
  { title: "RELEASE", cell: ({ release_id }) => release_id ?? "-" },
  { title: "OUTCOME", cell: ({ outcome }) => outcome },
  { title: "TOOK", cell: ({ duration_ms }) => (duration_ms === null ? "-" : seconds(duration_ms)), isRight: true },
  { title: "WHO", cell: ({ user, host }) => (host === os.hostname() ? user : `${user}@${host}`), drop: 1 },
];

function paint(line: string, { outcome }: TimelineEntry): string {
  if (outcome === "done") return line;
  return reporter().paint(outcome === "at work" ? "cyan" : outcome === "refused" ? "yellow" : "red", line);
}
