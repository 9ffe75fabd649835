import fs from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { getRow } from "../registry/releases.ts";
import { createActions } from "./actions.ts";
import { pushAfterwards } from "./afterwards.ts";
import { applyPlan, asSwitchbackError } from "./apply.ts";
import type { Context } from "./context.ts";
import { openDatabase, openDatabaseToRead } from "../registry/database.ts";
import { EXIT, FailedError, InterruptedError, type SwitchbackError } from "./errors.ts";
import { beginRecord, type Journal, openOperations } from "../registry/journal.ts";
import { acquireLock, releaseLock } from "./lock.ts";
import { setOverrides } from "./overrides.ts";
import { writeOut } from "../terminal/output.ts";
import type { Operation } from "./operation.ts";
import { foresee } from "../terminal/progress.ts";
import { seconds } from "../terminal/durations.ts";
import { reporter } from "../terminal/reporter.ts";
import { keepReserve, spendReserve } from "./reserve.ts";
import { isRoot } from "./as-root.ts";
import { giveToOwner, ownerOf } from "./owner.ts";
import { showPlans, showStep } from "./show.ts";
import type { Plan } from "./step.ts";
import type { Actions, ShowContext } from "./steps/kind.ts";
import { whyNoTree } from "./tree-root.ts";

export interface OperateOptions {
  dryRun?: boolean;
  json?: boolean;
}

/** What an operation answers with `--json`. */
export interface Outcome {
  operation: string;
  kind: string;
  release: string | null;
  previous: string | null;
  outcome: "done";
  message: string;
  duration_ms: number;
}

/**
 * The staircase: lock, recover, observe, plan, apply; or observe, plan, show.
 * @throws SwitchbackError with the exit code of SPEC section 3.
 */
export async function operate<F, A>(
  operation: Operation<F, A>,
  context: Context,
  args: A,
  options: OperateOptions,
): Promise<Outcome | undefined> {
  const decide = async () => operation.plan(context, await operation.observe(context, args), args);
  if (options.dryRun) return void showOnly(await decide(), context, options);
  // What is wrong with the arguments is said before a first directory is made.
  if (!fs.existsSync(context.paths.deployTo)) await decide();
  const whyNot = whyNoTree(context.paths.deployTo);
  if (whyNot) throw whyNot;
  const isDone = holdSignals();
  const since = performance.now();
  try {
    takeTree(context, operation.mayUseReserve === true);
    pushAfterwards(context);
    const database = openDatabase(context.paths.registry);
    const actions = createActions(context, database);
    try {
      const outcome = await carryOut(operation, context, args, decide, { database, actions });
      return { ...outcome, duration_ms: Math.round(performance.now() - since) };
    } finally {
      database.close();
      await actions.end();
    }
  } catch (error) {
    throw asSwitchbackError(error);
  } finally {
    releaseLock();
    const { deployTo, logs, registry, lock } = context.paths;
    giveToOwner(deployTo, [registry, lock, logs, reporter().logPath]);
    isDone();
  }
}

async function carryOut<F, A>(
  operation: Operation<F, A>,
  context: Context,
  args: A,
  decide: () => Promise<Plan[]>,
  { database, actions }: { database: DatabaseSync; actions: Actions },
): Promise<Omit<Outcome, "duration_ms">> {
  await recoverFirst(context, database, actions);
  const plans = await decide();
  const { journal, logPath } = beginRecord(context, database, operation.kind, [JSON.stringify(args)]);
  reporter().logTo(logPath);
  reporter().foresee(() => foresee(plans, (key) => journal.expectedMs(key)));
  const told: string[] = [];
  try {
    for (const plan of plans) told.push(await carryOutPlan(plan, context, database, { journal, logPath, actions }));
  } catch (error) {
    const failed = asSwitchbackError(error);
    journal.finish(outcomeOf(failed), failed.exit, failed.message);
    // What ran out of room gave its own back by now, and the next time the disk may be filled by somebody else.
    keepReserve(context.paths);
    throw failed;
  }
  const message = told.filter(Boolean).join("\n");
  journal.finish("done", EXIT.done, message);
  keepReserve(context.paths);
  const about = plans.find(({ releaseId }) => releaseId);
  const release = about?.releaseId ?? null;
  const previous = plans.find(({ previousId }) => previousId)?.previousId ?? null;
  return { operation: journal.id, kind: operation.kind, release, previous, outcome: "done", message };
}

async function recoverFirst(context: Context, database: DatabaseSync, actions: Actions): Promise<void> {
  if (openOperations(database).length === 0) return;
  if (isRoot() && ownerOf(context.paths.deployTo) !== 0)
    throw new FailedError("an operation was interrupted here, and what it left is its owner's to mend", {
      next: `${context.opsPath}/release/recover.ts`,
    });
  const { recoverInterrupted } = await import("../release/recover-first.ts");
  await recoverInterrupted(context, database, actions, signal());
}

async function carryOutPlan(
  plan: Plan,
  context: Context,
  database: DatabaseSync,
  { journal, logPath, actions }: { journal: Journal; logPath: string; actions: Actions },
): Promise<string> {
  for (const note of plan.notes ?? []) reporter().say(note);
  const before = plan.releaseId ? getRow(database, plan.releaseId)?.status : undefined;
  // A deploy ends with a plan about no release: its record stays that of the one that it deployed.
  if (plan.releaseId ?? plan.previousId) journal.about(plan, before);
  const giveRoom = () => spendReserve(context.paths);
  try {
    await applyPlan(plan, { signal: signal(), logPath, operationId: journal.id, actions, giveRoom }, journal);
  } catch (error) {
    if (!plan.isExtra || error instanceof InterruptedError) throw error;
    const told = `${plan.title}: ${(error as Error).message}`;
    reporter().warn(told);
    return told;
  }
  if (plan.refusal) throw plan.refusal;
  if (plan.done) reporter().say(plan.done);
  return plan.done;
}

const OUTCOMES: Record<number, string> = {
  [EXIT.failed]: "failed",
  [EXIT.usage]: "refused",
  [EXIT.restored]: "restored",
  [EXIT.stranded]: "stranded",
  [EXIT.interrupted]: "interrupted",
};

const outcomeOf = (error: SwitchbackError) => OUTCOMES[error.exit] ?? "failed";

/** Makes the tree's root, if there is none yet, and takes its lock. */
function takeTree(context: Context, mayUseReserve: boolean): void {
  fs.mkdirSync(context.paths.deployTo, { recursive: true });
  // Before the lock: even that writes a few bytes, and giving the reserve back changes nothing for anybody.
  if (mayUseReserve) spendReserve(context.paths);
  acquireLock(context.paths.lock, () => describeHolder(context));
}

function describeHolder(context: Context): string {
  const database = openDatabaseToRead(context.paths.registry);
  const holder = database ? openOperations(database).at(-1) : undefined;
  database?.close();
  if (!holder) return `${context.paths.lock} is held`;
  const what = [holder.kind, holder.release_id].filter(Boolean).join(" ");
  const age = seconds(Date.now() - Date.parse(holder.started_at));
  return `${what}, by ${holder.user} (pid ${holder.pid} on ${holder.host}), since ${holder.started_at}, ${age} ago`;
}

function showOnly(plans: Plan[], context: Context, options: OperateOptions): void {
  const show: ShowContext = { opsPath: context.opsPath, flags: context.flags };
  const refusal = plans.find((plan) => plan.refusal)?.refusal;
  if (refusal) throw refusal;
  const plain = plans.map((plan) => ({
    title: plan.title,
    steps: plan.steps.map((step) => ({ title: step.title, shell: showStep(step, show) })),
  }));
  if (options.json) return writeOut(1, `${JSON.stringify(plain, null, 2)}\n`);
  writeOut(1, `${showPlans(plans, show, setOverrides(process.env))}\n`);
}

let controller = new AbortController();

/** Aborted when this process is told to stop. */
export const signal = () => controller.signal;

/**
 * From here on INT and TERM let the operation finish its step and undo what it began, and a lost terminal (HUP) stops
 * nothing. The returned function ends that.
 */
function holdSignals(): () => void {
  controller = new AbortController();
  const abort = (name: NodeJS.Signals) => {
    if (!controller.signal.aborted) reporter().warn(`${name}: stopping; undoing what was begun`);
    controller.abort(new InterruptedError(`interrupted by ${name}`));
  };
  const ignore = () => {};
  process.on("SIGINT", abort).on("SIGTERM", abort).on("SIGHUP", ignore);
  return () => void process.off("SIGINT", abort).off("SIGTERM", abort).off("SIGHUP", ignore);
}
