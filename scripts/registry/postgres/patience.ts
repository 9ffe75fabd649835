import { FailedError, InterruptedError } from "../../core/errors.ts";

/** How long is waited: for all of it, and without any progress. */
export class Patience {
  private readonly endsAt: number;
  private readonly each: number;
  private readonly gone: Promise<never>;
  private giveUp!: (error: Error) => void;
  private timer: NodeJS.Timeout | undefined;
  private readonly signal: AbortSignal | undefined;
  private readonly interrupt = () => this.giveUp(new InterruptedError("interrupted"));

  constructor({
    totalMs,
    patienceMs,
    signal,
  }: {
    totalMs?: number;
    patienceMs: number;
    signal?: AbortSignal | undefined;
  }) {
    this.endsAt = performance.now() + (totalMs ?? Number.POSITIVE_INFINITY);
    this.each = patienceMs;
    this.gone = new Promise((_, reject) => (this.giveUp = reject));
    // Nobody may be waiting for it at the moment.
    this.gone.catch(() => {});
    this.signal = signal;
    signal?.addEventListener("abort", this.interrupt);
    if (signal?.aborted) this.interrupt();
    this.begin();
  }

  /** Milliseconds until it is over. */
  left(): number {
    return Math.max(1, Math.min(this.each, this.endsAt - performance.now()));
  }

  /** Something happened: it begins again, within the whole. */
  begin(): void {
    clearTimeout(this.timer);
    const ms = this.left();
    const late = () => this.giveUp(new FailedError(`no answer within ${(ms / 1000).toFixed(1)} s`));
    this.timer = setTimeout(late, ms);
  }

  /** The work's own result, unless it takes too long. */
  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.gone]);
  }

  end(): void {
    clearTimeout(this.timer);
    this.signal?.removeEventListener("abort", this.interrupt);
  }
}
