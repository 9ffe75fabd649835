import type { Context } from "../core/context.ts";
import type { ApplyContext } from "../core/steps/kind.ts";
import type { BackupFact } from "./backups.ts";

/** What a backup is of, beside the data. */
export type BackupSubject = Pick<BackupFact, "id" | "reason" | "release_id" | "target_id" | "migration_marker">;

/**
 * Makes a consistent backup and proves it: SQLite's online backup with `integrity_check`, or `database.backup`, then `database.prove`.
 * Durable, then BACKUP.json by rename. A backup of this id that is complete already is left as it is.
 * @throws FailedError when it cannot be made or is not sound; nothing is left of it then
 */
export async function applyBackup(
  _context: Context,
  _subject: BackupSubject,
  _apply: Pick<ApplyContext, "logPath" | "operationId" | "signal">,
): Promise<void> {}
