import { InterruptedError } from "../core/errors.ts";
import { pause } from "./time.ts";

/** What one look at an application saw. */
export interface Look {
  isIdle: boolean;
}

/** How to wait; `every` and `timeout` in milliseconds. */
export interface Wait<Seen extends Look> {
  /** Looks once, at most about `limitMs` long. */
  look: (limitMs: number, signal: AbortSignal | undefined) => Promise<Seen>;
  every: number;
  timeout: number;
}

export interface Waited<Seen extends Look> {
  /** What the last look saw. */
  last: Seen;
  /** Milliseconds. */
  waitedMs: number;
}

/**
 * Looks at once and then `every` ms until it is idle, at most `timeout + every` ms; `onBusy` is told what was seen, and the
 * milliseconds that are left. Whether to go on when it is not idle is the caller's choice (`drain.then`).
 * @throws InterruptedError when `signal` aborts.
 */
export async function waitUntilIdle<Seen extends Look>(
  { look, every, timeout }: Wait<Seen>,
  onBusy: (seen: Seen, remainingMs: number) => void,
  signal: AbortSignal | undefined,
): Promise<Waited<Seen>> {
  const began = performance.now();
  const waited = () => performance.now() - began;
  for (;;) {
    const startedAt = waited();
    // A look that begins at the time limit still gets the time to end.
    const last = await look(Math.max(timeout - startedAt, every), signal);
    if (signal?.aborted) throw new InterruptedError("interrupted while waiting until it is idle");
    const remaining = timeout - waited();
    if (last.isIdle || remaining <= 0) return { last, waitedMs: waited() };
    onBusy(last, remaining);
    await pause(Math.min(remaining, startedAt + every - waited()), signal);
  }
}
