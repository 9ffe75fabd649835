import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { userName } from "../core/account.ts";
import { openDatabaseToRead, withoutSync } from "./database.ts";
import { compactStamp } from "./releases.ts";
import type { Paths } from "../core/paths.ts";
import { reporter } from "../terminal/reporter.ts";

/** An operation as the registry keeps it. */
export interface OperationRow {
  id: string;
  kind: string;
  release_id: string | null;
  previous_release_id: string | null;
  /** What the link `current` held; null: there was no link. */
  previous_link: string | null;
  status_before: string | null;
  arguments: string;
  pid: number;
  host: string;
  user: string;
  started_at: string;
  finished_at: string | null;
  has_touched: 0 | 1;
  outcome: string | null;
  exit_code: number | null;
  message: string | null;
}

export type StepOutcome = "done" | "already" | "failed";

/** `20261120-221530-switch-1a2b`: sorts by time, says what it was, and names the log. */
export const operationId = (kind: string, now = new Date()): string =>
  `${compactStamp(now)}-${kind}-${Buffer.from(crypto.getRandomValues(new Uint8Array(2))).toString("hex")}`;

/** Operations that began and did not finish, the oldest first. Under the lock: all of them were interrupted. */
export const openOperations = (database: DatabaseSync) =>
  database
    .prepare("SELECT * FROM operations WHERE finished_at IS NULL ORDER BY started_at")
    .all() as unknown as OperationRow[];

/** When the last operation ended that has an end; undefined where none has. */
export function lastEnd(paths: Paths): Date | undefined {
  const database = openDatabaseToRead(paths.registry);
  const query = "SELECT finished_at FROM operations WHERE finished_at IS NOT NULL ORDER BY rowid DESC LIMIT 1";
  const row = database?.prepare(query).get() as { finished_at: string } | undefined;
  database?.close();
  return row && new Date(row.finished_at);
}

/** What an operation is about, and what was current when it began. */
export interface OperationSubject {
  releaseId?: string;
  previousId?: string;
  /** The link's own text. */
  previousLink?: string;
}

/** The record of one operation: what it is about, each step with its time, how it ended. */
export class Journal {
  readonly id: string;
  private readonly database: DatabaseSync;
  private seq = 0;

  constructor(database: DatabaseSync, id: string) {
    this.database = database;
    this.id = id;
  }

  begin(kind: string, words: string[]): void {
    this.database
      .prepare(`INSERT INTO operations (id, kind, arguments, pid, host, user, started_at) VALUES (?, ?, ?, ?, ?, ?, ?)`)
      .run(this.id, kind, JSON.stringify(words), process.pid, os.hostname(), userName(), new Date().toISOString());
  }

  /** Durable before the plan's first step: what recovery needs to know. */
  about({ releaseId, previousId, previousLink }: OperationSubject, statusBefore: string | undefined): void {
    this.database
      .prepare(
        `UPDATE operations SET release_id = ?, previous_release_id = ?, previous_link = ?, status_before = ?, has_touched = 0 WHERE id = ?`,
      )
      .run(releaseId ?? null, previousId ?? null, previousLink ?? null, statusBefore ?? null, this.id);
  }

  /** Durable before the first step that touches what serves. */
  touch(): void {
    this.database.prepare("UPDATE operations SET has_touched = 1 WHERE id = ?").run(this.id);
  }

  /** Durable once what serves is settled again: from here on a crash leaves nothing to undo. */
  settle(): void {
    closing(() => this.database.prepare("UPDATE operations SET has_touched = 0 WHERE id = ?").run(this.id));
  }

  /**
   * A step that takes its time is seen by others while it is at work: its outcome is null until `endStep`. False: it could not be
   * written, as on a full disk, which keeps no step from being done, for it may be the one that makes room.
   */
  beginStep(key: string, title: string, startedAt: Date): boolean {
    try {
      this.write(key, title, startedAt, null, null);
      return true;
    } catch {
      return false;
    }
  }

  /** How the step ended that began last. */
  endStep(durationMs: number, outcome: StepOutcome): void {
    const query = "UPDATE steps SET duration_ms = ?, outcome = ? WHERE operation_id = ? AND seq = ?";
    withoutSync(this.database, () => this.database.prepare(query).run(durationMs, outcome, this.id, this.seq));
  }

  /** Seen by others at once, durable with the next record that has to be: recovery does not ask which steps were done. */
  step(key: string, title: string, startedAt: Date, durationMs: number, outcome: StepOutcome): void {
    this.write(key, title, startedAt, durationMs, outcome);
  }

  private write(
    key: string,
    title: string,
    startedAt: Date,
    durationMs: number | null,
    outcome: StepOutcome | null,
  ): void {
    withoutSync(this.database, () =>
      this.database
        .prepare(
          `INSERT INTO steps (operation_id, seq, key, title, started_at, duration_ms, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(this.id, ++this.seq, key, title, startedAt.toISOString(), durationMs, outcome),
    );
  }

  /** Median milliseconds of the last nine times that a step of this key was done. */
  expectedMs(key: string): number | undefined {
    const rows = this.database
      .prepare("SELECT duration_ms FROM steps WHERE key = ? AND outcome = 'done' ORDER BY started_at DESC LIMIT 9")
      .all(key) as { duration_ms: number }[];
    return rows.map((row) => row.duration_ms).toSorted((a, b) => a - b)[Math.floor(rows.length / 2)];
  }

  finish(outcome: string, exitCode: number, message: string): void {
    closing(() => finishOperation(this.database, this.id, outcome, exitCode, message));
  }
}

// By then the work is done, or undone: an error of the disk changes nothing about that, and the next operation closes the record.
function closing(write: () => unknown): void {
  try {
    write();
  } catch (error) {
    reporter().warn(
      `the journal could not be written: ${(error as Error).message}; the next operation closes the record`,
    );
  }
}

/** Opens an operation's record: its row, and its log `logs/<operation-id>.log`, which only the owner reads. */
export function beginRecord(
  { paths }: { paths: Paths },
  database: DatabaseSync,
  kind: string,
  words: string[],
): { journal: Journal; logPath: string } {
  const journal = new Journal(database, operationId(kind));
  const logPath = path.join(paths.logs, `${journal.id}.log`);
  fs.mkdirSync(paths.logs, { recursive: true });
  fs.closeSync(fs.openSync(logPath, "a", 0o600));
  journal.begin(kind, words);
  return { journal, logPath };
}

/** Closes an operation's record. */
export function finishOperation(
  database: DatabaseSync,
  id: string,
  outcome: string,
  exitCode: number | null,
  message: string,
): void {
  database
    .prepare("UPDATE operations SET finished_at = ?, outcome = ?, exit_code = ?, message = ? WHERE id = ?")
    .run(new Date().toISOString(), outcome, exitCode, message, id);
}
