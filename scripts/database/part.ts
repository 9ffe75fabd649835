import type { DatabaseSync } from "node:sqlite";
import type { Context } from "../core/context.ts";
import type { SuiteCommand } from "../core/step.ts";
import type { ApplyContext } from "../core/steps/kind.ts";

/** The parts of backups, restores and migrations that are steps of their own: `ops/data/backup.ts --part …`. */
export async function applyDataPart(
  _context: Context,
  _command: SuiteCommand,
  _apply: ApplyContext,
  _registry: DatabaseSync,
): Promise<void> {}
