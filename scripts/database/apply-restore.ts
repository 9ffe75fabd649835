import type { Context } from "../core/context.ts";
import type { ApplyContext } from "../core/steps/kind.ts";

/**
 * Brings a backup back while nothing writes. What is there now is kept: a SQLite file beside it as `<file>.failed-<operation id>`, with its
 * `-wal`; done again after a kill in the middle, it ends the same, and never keeps a half-restored file as the failed one.
 * @throws FailedError when the backup is not there or not what its sha256 says, or while a process has the database open
 */
export async function applyRestore(
  _context: Context,
  _restore: { backup: string; operationId: string },
  _apply: Pick<ApplyContext, "logPath" | "operationId" | "signal">,
): Promise<void> {}
