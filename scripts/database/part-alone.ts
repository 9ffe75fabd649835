import { createActions } from "../core/actions.ts";
import type { Call } from "../core/entry.ts";
import { EXIT } from "../core/errors.ts";
import { acquireLock, releaseLock } from "../core/lock.ts";
import { signal } from "../core/operate.ts";
import { reporter } from "../terminal/reporter.ts";
import { partOf, type SuiteCommand } from "../core/step.ts";
import { openDatabase } from "../registry/database.ts";
import { beginRecord } from "../registry/journal.ts";
import { applyDataPart } from "./part.ts";

/** One part of an operation by itself, as a line of `--dry-run` has it: under the lock, with a record and a log of its own. */
export async function applyAlone<Options>(
  call: Call<Options>,
  ops: SuiteCommand["ops"],
  words: string[],
): Promise<void> {
  const context = await call.context();
  const { paths } = context;
  acquireLock(paths.lock, () => `${paths.lock} is held`);
  const registry = openDatabase(paths.registry);
  try {
    const { journal, logPath } = beginRecord(context, registry, ops.slice("data/".length), [JSON.stringify(words)]);
    reporter().logTo(logPath);
    const actions = createActions(context, registry);
    const apply = { signal: signal(), logPath, operationId: journal.id, actions, giveRoom: () => {} };
    try {
      await applyDataPart(context, partOf(ops, ...words), apply, registry);
      journal.finish("done", EXIT.done, "");
    } catch (error) {
      journal.finish("failed", EXIT.failed, (error as Error).message);
      throw error;
    }
  } finally {
    registry.close();
    releaseLock();
  }
}
