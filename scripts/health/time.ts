/** Resolves after `ms` milliseconds, or at once when `signal` aborts; never rejects. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, ms));
    signal?.addEventListener("abort", done);
  });
}

/** Runs `work` with a signal that aborts after `ms` milliseconds or with `outer`, whichever is first. */
export async function withLimit<T>(
  ms: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const cut = () => limit.abort();
  if (outer?.aborted) cut();
  const timer = setTimeout(cut, ms);
  outer?.addEventListener("abort", cut);
  try {
    return await work(limit.signal);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", cut);
  }
}

/** `740 ms`, `3.2 s`: a length of time in milliseconds, for a person. */
export function showMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1).replace(/\.0$/, "")} s`;
}
