import type { DatabaseSync } from "node:sqlite";
import { applyPlan, asSwitchbackError } from "../core/apply.ts";
import type { Context } from "../core/context.ts";
import { EXIT, StrandedError, type SwitchbackError } from "../core/errors.ts";
import { beginRecord, finishOperation, openOperations, type OperationRow } from "../registry/journal.ts";
import { reporter } from "../terminal/reporter.ts";
import { spendReserve } from "../core/reserve.ts";
import type { Plan } from "../core/step.ts";
import type { Actions } from "../core/steps/kind.ts";
import { observeRecovery } from "./interruption.ts";
import { planRecovery } from "./recover.ts";

/** Under the lock: recovers from every operation that did not end, and closes its record, also where a person is needed. */
export async function recoverInterrupted(
  context: Context,
  database: DatabaseSync,
  actions: Actions,
  signal: AbortSignal,
): Promise<void> {
  // A recovery that was itself interrupted is taken up by what it was for.
  for (const operation of openOperations(database)) {
    const plan = planRecovery(context, await observeRecovery(context, operation));
    reporter().say(`${plan.title} …`);
    await applyRecovery(context, database, actions, signal, plan, operation);
  }
}

async function applyRecovery(
  context: Context,
  database: DatabaseSync,
  actions: Actions,
  signal: AbortSignal,
  plan: Plan,
  operation: OperationRow,
): Promise<void> {
  const { journal, logPath } = beginRecord(context, database, "recover", [operation.id]);
  try {
    const giveRoom = () => spendReserve(context.paths);
    await applyPlan(plan, { signal, logPath, operationId: journal.id, actions, giveRoom }, journal);
    finishOperation(database, operation.id, "interrupted", null, plan.done);
    journal.finish("done", EXIT.done, plan.done);
    reporter().say(plan.done);
  } catch (error) {
    const failed = asSwitchbackError(error);
    // Closed all the same: a second try would meet the same, and a person's next command must not be stopped by it.
    finishOperation(database, operation.id, "unrecovered", null, failed.message);
    journal.finish("stranded", EXIT.stranded, failed.message);
    throw stranded(context, failed);
  }
}

function stranded(context: Context, failed: SwitchbackError): StrandedError {
  const next = ["service/status.ts", "service/logs.ts", "release/list.ts"].map((name) => `${context.opsPath}/${name}`);
  return new StrandedError(`recovering failed: ${failed.message}`, { output: failed.output, next, cause: failed });
}
