import type { Context } from "../core/context.ts";
import { FailedError } from "../core/errors.ts";
import { reporter, seconds } from "../core/reporter.ts";
import { type IdleResult, waitUntilIdle } from "./idle.ts";

/**
 * Waits until the application is idle, as the manifest's `drain` says; undefined where it says nothing.
 * @throws FailedError when it is not in time and `drain.then` is `abort`; InterruptedError when `signal` aborts
 */
export async function applyDrain(
  context: Context,
  title: string,
  signal: AbortSignal | undefined,
): Promise<IdleResult | undefined> {
  const { drain } = context.manifest;
  if (!drain) return undefined;
  const cwd = context.paths.current;
  const result = await waitUntilIdle({ ...drain, cwd }, tell, signal);
  if (result.idle) return result;
  const answer = `not idle after ${seconds(drain.timeout)}: ${result.lastAnswer}`;
  if (drain.then === "abort") throw new FailedError(answer, { step: title, next: "try again when the job is done" });
  reporter().warn(`${answer}; going on, as drain.then says`);
  return result;
}

const tell = (left: number) => reporter().detail(`not idle yet, ${seconds(left)} left`);
