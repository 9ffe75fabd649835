import {
  EXIT,
  FailedError,
  InterruptedError,
  RestoredError,
  StrandedError,
  SwitchbackError,
  UsageError,
} from "./errors.ts";
import type { Journal, StepOutcome } from "../registry/journal.ts";
import { historyKey } from "../terminal/progress.ts";
import { reporter } from "../terminal/reporter.ts";
import type { Plan, Step } from "./step.ts";
import type { ApplyContext } from "./steps/kind.ts";
import { kindOf } from "./steps/kinds.ts";

/**
 * Carries a plan out, step by step. A failure before the first step that `touches` what serves discards what was
 * begun (exit 1); from there on the plan's revert brings back what was before (exit 3), and where even that fails a
 * person is needed (exit 4).
 */
export async function applyPlan(plan: Plan, context: ApplyContext, journal: Journal): Promise<void> {
  let hasTouched = false;
  try {
    for (const step of plan.steps) {
      if (context.signal?.aborted) throw new InterruptedError(`interrupted before: ${step.title}`);
      if (step.touches && !hasTouched) journal.touch();
      hasTouched ||= step.touches === true;
      await applyStep(step, context, journal);
    }
  } catch (error) {
    const failed = asSwitchbackError(error);
    context.giveRoom();
    throw hasTouched ? await revert(plan, failed, context, journal) : await discard(plan, failed, context, journal);
  }
  journal.settle();
}

/** Kinds whose steps only `--verbose` and the log show: a person wants to read what took time or changed what serves. */
const MINOR = new Set<Step["kind"]>(["mkdir", "write", "move", "record"]);

/** Applies one step and journals it; a failure of an optional one is told and passed over. */
export async function applyStep(step: Step, context: ApplyContext, journal: Journal): Promise<void> {
  const key = historyKey(step);
  const began = new Date();
  const since = performance.now();
  if (kindOf(step).done(step)) {
    reporter().pass(step);
    return journal.step(key, step.title, began, performance.now() - since, "already");
  }
  const isLong = !MINOR.has(step.kind);
  const isBegun = isLong && journal.beginStep(key, step.title, began);
  const note = (outcome: StepOutcome) => {
    const took = performance.now() - since;
    if (isBegun) journal.endStep(took, outcome);
    else journal.step(key, step.title, began, took, outcome);
  };
  reporter().begin(step.title, step);
  try {
    await kindOf(step).apply(step, context);
  } catch (error) {
    reporter().end(step.title, performance.now() - since, "failed");
    note("failed");
    if (!step.optional) throw error;
    reporter().pass(step);
    reporter().warn(`${step.title}: ${(error as Error).message}`);
    return;
  }
  reporter().pass(step);
  reporter().end(step.title, performance.now() - since, isLong ? "done" : "minor");
  note("done");
}

async function discard(plan: Plan, failed: SwitchbackError, context: ApplyContext, journal: Journal) {
  const left: string[] = [];
  for (const step of plan.discard) {
    try {
      await applyStep({ ...step }, { ...context, signal: undefined }, journal);
    } catch (error) {
      left.push(`${step.title}: ${(error as Error).message}`);
    }
  }
  if (failed instanceof InterruptedError)
    return retold(InterruptedError, `${failed.message}; nothing that serves was touched`, failed, left);
  return failed instanceof UsageError ? failed : retold(FailedError, failed.message, failed, left);
}

async function revert(plan: Plan, failed: SwitchbackError, context: ApplyContext, journal: Journal) {
  reporter().say(reporter().paint("yellow", failed.message));
  reporter().say(`Restoring ${plan.previousId ?? (plan.restored ? "what was before" : "what was before: nothing")} …`);
  try {
    for (const step of plan.revert) await applyStep(step, { ...context, signal: undefined }, journal);
  } catch (error) {
    const message = `${failed.message}; and restoring failed: ${(error as Error).message}`;
    const output = error instanceof SwitchbackError ? error.output : [];
    return new StrandedError(message, { output, next: plan.stranded ?? [], cause: error });
  }
  journal.settle();
  const release = plan.previousId ? `${plan.previousId} is restored and healthy` : "nothing is deployed, as before";
  const outcome = plan.restored ?? release;
  const Kind = failed instanceof InterruptedError ? InterruptedError : RestoredError;
  return retold(Kind, `${failed.message}; rolled back: ${outcome}`, failed, []);
}

function retold(
  Kind: typeof FailedError | typeof InterruptedError | typeof RestoredError,
  message: string,
  failed: SwitchbackError,
  left: string[],
) {
  const { step, next, output, cause } = failed;
  const whole = [message, ...left.map((line) => `could not be cleaned up: ${line}`)].join("\n");
  return new Kind(whole, { ...(step ? { step } : {}), next, output, cause: cause ?? failed });
}

const FULL = new Set(["ENOSPC", "EDQUOT"]);

/** Any error as one that a person can read. */
export function asSwitchbackError(error: unknown): SwitchbackError {
  if (error instanceof SwitchbackError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const isFull = FULL.has(code ?? "") || /database or disk is full/.test(message ?? "");
  if (isFull) return new FailedError(`no room on the disk: ${message}`, { next: "df -h; df -i", cause: error });
  return new FailedError(message || String(error), { cause: error });
}

/** Exit code of whatever was thrown. */
export const exitOf = (error: unknown) => (error instanceof SwitchbackError ? error.exit : EXIT.failed);
