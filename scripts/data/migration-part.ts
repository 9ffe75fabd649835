import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { createActions } from "../core/actions.ts";
import { acquireLock, releaseLock } from "../core/lock.ts";
import { applyMigrationPart } from "../database/migration-parts.ts";
import { openDatabase } from "../registry/database.ts";
import { operationId } from "../registry/journal.ts";

/** One part of a migration, pasted by hand from a dry run: under the lock, with a log of its own. */
export async function migrationPart(context: Context, words: string[]): Promise<void> {
  const { paths } = context;
  acquireLock(paths.lock, () => `${paths.lock} is held`);
  const registry = openDatabase(paths.registry);
  try {
    const id = operationId("migrate");
    const logPath = path.join(paths.logs, `${id}.log`);
    fs.mkdirSync(paths.logs, { recursive: true });
    fs.closeSync(fs.openSync(logPath, "a", 0o600));
    const actions = createActions(context, registry);
    const apply = { signal: undefined, logPath, operationId: id, giveRoom: () => {}, actions };
    await applyMigrationPart(context, words, apply, registry, true);
  } finally {
    registry.close();
    releaseLock();
  }
}
