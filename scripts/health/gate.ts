import { InterruptedError } from "../core/errors.ts";
import { observeProcessFacts, startedAt } from "../processes/processes.ts";
import { denialOf, isAlive, type Denial, type Proof } from "./identity.ts";
import { probe, type Answer, type Check } from "./probe.ts";
import { pause, showMs } from "./time.ts";

/** What to wait for; `every`, `timeout` and `soak` in milliseconds, `healthy` in answers in a row (SPEC section 2). */
export interface GateInput {
  /** The top-level check, or one for each service that has one; none: the services must only live. */
  checks: readonly Check[];
  /** One for each service that must run. */
  proofs: readonly Proof[];
  /** The release's real path. */
  releasePath: string;
  releaseId: string;
  /** Whether the processes must prove that they run the release; false when nothing was restarted. */
  isIdentityProven: boolean;
  every: number;
  timeout: number;
  healthy: number;
  soak: number;
  /** Absent: nothing interrupts. */
  signal?: AbortSignal | undefined;
  /** Told about every attempt, one line. */
  onTick?: ((line: string) => void) | undefined;
}

export interface GateResult {
  ok: boolean;
  attempts: number;
  /** Milliseconds. */
  waitedMs: number;
  /** The last answer, with the start of its body on further lines. */
  lastAnswer?: string;
  /** Why it is not healthy; absent when it is. */
  reason?: string;
}

/** One attempt at one check may take so long, in milliseconds. */
const ATTEMPT_LIMIT = 5000;
/** How often the processes are looked at, in milliseconds, whatever `every` is. */
const WATCH_EVERY = 100;
/** An attempt that the time limit ends sooner than this, in milliseconds, had no time to be answered. */
const SILENCE = 1000;
/** How soon a port that nobody listens on is asked again, in milliseconds. */
const REFUSED_EVERY = 25;
/** How long a wrong process or directory may last, in milliseconds: a start is a fork, a change of directory, an exec. */
const DENIAL_GRACE = 500;

/** What the gate has seen so far; times are `performance.now()`. */
interface Progress {
  began: number;
  attempts: number;
  passes: number;
  inRow: number;
  /** When the first pass of the row was answered. */
  rowBegan: number;
  last?: Answer;
  /** Why the last attempt that did not count did not. */
  trouble?: string;
  /** Since when the processes have been the wrong ones. */
  deniedSince?: number | undefined;
  /** When each process was started, if it was there when the gate began. */
  births: Map<Proof, Date>;
}

/**
 * Waits until every check passes `healthy` times in a row, for `soak` ms from the row's first pass, while the same
 * processes live and are proven to run the release (promise 7). Ends at once when a process dies.
 * @throws InterruptedError when `signal` aborts.
 */
export async function gate(input: GateInput): Promise<GateResult> {
  const progress: Progress = {
    began: performance.now(),
    attempts: 0,
    passes: 0,
    inRow: 0,
    rowBegan: 0,
    births: birthsOf(input),
  };
  const end = new AbortController();
  const stop = () => end.abort();
  const clock = setTimeout(stop, input.timeout);
  const watch = setInterval(() => deathIn(input) && stop(), WATCH_EVERY);
  input.signal?.addEventListener("abort", stop);
  if (input.signal?.aborted) stop();
  try {
    return resultOf(await knock(input, progress, end.signal), progress);
  } finally {
    clearTimeout(clock);
    clearInterval(watch);
    input.signal?.removeEventListener("abort", stop);
  }
}

/** Tries until the row is complete (undefined), or says why it cannot be. */
async function knock(input: GateInput, progress: Progress, end: AbortSignal): Promise<string | undefined> {
  for (;;) {
    const triedAt = performance.now();
    const answer = end.aborted ? undefined : await tryAll(input.checks, end);
    if (input.signal?.aborted) throw new InterruptedError("interrupted while waiting until the release is healthy");
    const dead = deathIn(input);
    if (dead) return showDeath(dead, progress);
    // It says less than the attempt before it.
    const isCut = end.aborted && progress.last !== undefined && performance.now() - triedAt < SILENCE;
    if (answer && !isCut) {
      const isDone = count(answer, input, progress);
      input.onTick?.(progress.inRow > 0 ? answer.summary : (progress.trouble ?? answer.summary));
      if (isDone) return undefined;
    }
    if (isWrong(progress)) return progress.trouble;
    if (end.aborted) return lateness(input, progress);
    await pause(nextAt(triedAt, input, progress) - performance.now(), end);
  }
}

/** One attempt at all checks together: the answers that failed, or else the first one. */
async function tryAll(checks: readonly Check[], end: AbortSignal): Promise<Answer> {
  const answers = await Promise.all(checks.map((check) => probe(check, end, ATTEMPT_LIMIT)));
  const bad = answers.filter(({ ok }) => !ok);
  if (bad[0] === undefined) return answers[0] ?? { ok: true, summary: "the processes live" };
  return {
    ...bad[0],
    summary: bad.map(({ summary }) => summary).join("; "),
    isRefused: bad.every(({ isRefused }) => isRefused),
  };
}

/** Counts an attempt, true when it completes the row; the processes are judged where a row begins and where it ends. */
function count(answer: Answer, input: GateInput, progress: Progress): boolean {
  const now = performance.now();
  progress.attempts += 1;
  progress.last = answer;
  if (!answer.ok) return miss(progress, answer.summary);
  if (progress.inRow === 0) progress.rowBegan = now;
  progress.inRow += 1;
  const isLast = progress.inRow >= input.healthy && now - progress.rowBegan >= input.soak;
  const denial = progress.inRow === 1 || isLast ? denialIn(input) : undefined;
  if (denial) return miss(progress, denial.reason, denial.isEarly ? undefined : (progress.deniedSince ?? now));
  progress.deniedSince = undefined;
  progress.passes += 1;
  return isLast;
}

function miss(progress: Progress, trouble: string, deniedSince?: number): false {
  progress.inRow = 0;
  progress.trouble = trouble;
  progress.deniedSince = deniedSince;
  return false;
}

function isWrong({ deniedSince }: Progress): boolean {
  return deniedSince !== undefined && performance.now() - deniedSince >= DENIAL_GRACE;
}

/** When to try next: the last attempt of a row falls on the end of the soak time, not after it. */
function nextAt(triedAt: number, input: GateInput, { inRow, rowBegan, last }: Progress): number {
  const regular = triedAt + input.every;
  if (inRow === 0) return last?.isRefused ? triedAt + Math.min(input.every, REFUSED_EVERY) : regular;
  return inRow < input.healthy ? regular : Math.min(regular, rowBegan + input.soak);
}

const deathIn = ({ proofs }: GateInput) => proofs.find((proof) => !isAlive(proof));

function birthsOf({ proofs }: GateInput): Map<Proof, Date> {
  return new Map(
    proofs.flatMap((proof): [Proof, Date][] => {
      const facts = observeProcessFacts(proof.pid);
      return facts?.startTime === proof.startTime ? [[proof, startedAt(facts)]] : [];
    }),
  );
}

function showDeath(dead: Proof, { births }: Progress): string {
  const birth = births.get(dead);
  const when = birth ? `after it lived ${showMs(Date.now() - birth.getTime())}` : "before the gate began";
  return `${dead.service} (pid ${dead.pid}) died ${when}`;
}

function denialIn({ isIdentityProven, proofs, releaseId, releasePath }: GateInput): Denial | undefined {
  if (!isIdentityProven) return undefined;
  const denials = proofs.map((proof) => denialOf(proof, { id: releaseId, path: releasePath }));
  return denials.find((denial) => denial?.isEarly === false) ?? denials.find((denial) => denial !== undefined);
}

function lateness(input: GateInput, { attempts, passes, inRow, trouble }: Progress): string {
  const late = `not healthy within ${showMs(input.timeout)} (${attempts} attempts, ${passes} passed)`;
  const before = trouble === undefined ? "" : `; before that, ${trouble}`;
  return inRow === 0
    ? `${late}: ${trouble}`
    : `${late}: passing, but not yet ${input.healthy} in a row for ${showMs(input.soak)}${before}`;
}

function resultOf(reason: string | undefined, { attempts, began, last }: Progress): GateResult {
  const lastAnswer = last && [last.summary, last.body].filter(Boolean).join("\n");
  return {
    ok: reason === undefined,
    attempts,
    waitedMs: performance.now() - began,
    ...(lastAnswer === undefined ? {} : { lastAnswer }),
    ...(reason === undefined ? {} : { reason }),
  };
}
