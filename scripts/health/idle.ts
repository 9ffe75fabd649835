import { InterruptedError } from "../core/errors.ts";
import { probe, type RunCheck } from "./probe.ts";
import { pause } from "./time.ts";

/** The manifest's `drain`: `run` exits 0 when idle; `every` and `timeout` in milliseconds. */
export interface Drain extends RunCheck {
  every: number;
  timeout: number;
}

export interface IdleResult {
  idle: boolean;
  /** Milliseconds. */
  waitedMs: number;
  /** What the last look said. */
  lastAnswer: string;
}

/**
 * Looks at once and then `every` ms until the run exits 0, at most `timeout + every` ms; `onTick` is told the
 * milliseconds that are left. Whether to go on when it is not idle is the caller's choice (`drain.then`).
 * @throws InterruptedError when `signal` aborts.
 */
export async function waitUntilIdle(
  drain: Drain,
  onTick: (remainingMs: number) => void,
  signal: AbortSignal | undefined,
): Promise<IdleResult> {
  const began = performance.now();
  const waited = () => performance.now() - began;
  for (;;) {
    const startedAt = waited();
    // A look that begins at the time limit still gets the time to end.
    const limit = Math.max(drain.timeout - startedAt, drain.every);
    const answer = await probe(drain, signal, limit);
    if (signal?.aborted) throw new InterruptedError("interrupted while waiting until it is idle");
    const remaining = drain.timeout - waited();
    if (answer.ok || remaining <= 0) return { idle: answer.ok, waitedMs: waited(), lastAnswer: answer.summary };
    onTick(remaining);
    await pause(Math.min(remaining, startedAt + drain.every - waited()), signal);
  }
}
