import type { DatabaseSync } from "node:sqlite";
import { getRow, upsertRow } from "../release/registry.ts";
import type { Context } from "./context.ts";
import { FailedError } from "./errors.ts";
import { observeRelease } from "./observe.ts";
import { reporter, seconds } from "./reporter.ts";
import type { Actions } from "./steps/kind.ts";
import type { RecordStep, SuiteCommand, WaitStep } from "./step.ts";

/** What the suite's own commands mean inside an operation; each is loaded only when a plan has it. */
export function createActions(context: Context, database: DatabaseSync): Actions {
  return {
    call: (command) => call(context, command),
    wait: (step, signal) => (step.until === "idle" ? waitForIdle(context, step, signal) : waitForHealth(context, step, signal)),
    record: (step) => applyRecord(context, database, step),
  };
}

async function call(context: Context, { ops, args }: SuiteCommand): Promise<void> {
  const names = args.filter((word) => !word.startsWith("--"));
  if (ops === "service/start") {
    const { applyStart } = await import("../service/start.ts");
    return applyStart(context, names, { recorded: args.includes("--recorded") });
  }
  if (ops === "service/stop") return (await import("../service/stop.ts")).applyStop(context, names);
  if (ops === "release/build_release") return (await import("../release/seal.ts")).applySeal(context.paths, names[0] as string);
  return (await import("../release/take-over.ts")).applyTakeOver(names[0] as string, names[1] as string);
}

async function waitForHealth(context: Context, step: WaitStep, signal: AbortSignal | undefined): Promise<void> {
  const { applyHealthCheck } = await import("../health/check.ts");
  await applyHealthCheck(context, step, signal);
}

async function waitForIdle(context: Context, step: WaitStep, signal: AbortSignal | undefined): Promise<void> {
  const { waitUntilIdle } = await import("../health/idle.ts");
  const { drain } = context.manifest;
  if (!drain) return;
  const cwd = context.paths.current;
  const onTick = (left: number) => reporter().detail(`not idle yet, ${seconds(left)} left`);
  const { idle, lastAnswer } = await waitUntilIdle({ ...drain, cwd }, onTick, signal);
  if (idle) return;
  const answer = `not idle after ${seconds(drain.timeout)}: ${lastAnswer}`;
  if (drain.then === "abort") throw new FailedError(answer, { step: step.title, next: "try again when the job is done" });
  reporter().warn(`${answer}; going on, as drain.then says`);
}

/** A registry row, with what a complete release says of itself. */
export function applyRecord(context: Context, database: DatabaseSync, step: RecordStep): void {
  const { releaseId, sha, status } = step;
  const isNew = getRow(database, releaseId)?.bytes == null;
  const bytes = isNew || status === "built" ? observeRelease(context.paths, releaseId).bytes : undefined;
  upsertRow(database, { releaseId, sha, status, bytes });
}
