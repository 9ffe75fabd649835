import type { Plan, Step } from "../core/step.ts";

/** Where an operation stands, in milliseconds of its expected time. */
export interface Point {
  /** Of all its steps. */
  totalMs: number;
  /** Of the steps that are behind it. */
  passedMs: number;
  /** Of the step at work, and how long that has been at work. */
  stepMs: number;
  elapsedMs: number;
}

export interface Estimate {
  /** 0 to 99: only the end is 100. */
  percent: number;
  leftMs: number;
  /** The step at work takes longer than usual: what is left is that of the steps behind it. */
  isLonger: boolean;
}

/** A step is late from a fifth, and a second, more than usual on. */
const isLate = (elapsedMs: number, stepMs: number) => elapsedMs > Math.max(stepMs * 1.2, stepMs + 1000);

/** How far an operation is. A step counts for no more than its expected time, so that neither number ever goes back. */
export function estimate({ totalMs, passedMs, stepMs, elapsedMs }: Point): Estimate {
  const done = passedMs + Math.min(elapsedMs, stepMs);
  const percent = totalMs > 0 ? Math.floor((100 * done) / totalMs) : 0;
  return {
    percent: Math.min(99, percent),
    leftMs: Math.max(0, totalMs - done),
    isLonger: isLate(elapsedMs, stepMs),
  };
}

/** Under which a step's duration is remembered between operations: titles name releases, keys do not. */
export const historyKey = (step: Step) => step.key ?? step.kind;

/** Kinds that take no time worth a word: an operation that has a new one of them still has an estimate. */
const QUICK = new Set<Step["kind"]>(["mkdir", "write", "link", "move", "record"]);

/** The expected time of all steps of an operation, and those that are behind it. */
export class Progress {
  private readonly expected: ReadonlyMap<Step, number>;
  private readonly totalMs: number;
  private passedMs = 0;

  constructor(expected: ReadonlyMap<Step, number>) {
    this.expected = expected;
    this.totalMs = [...expected.values()].reduce((sum, ms) => sum + ms, 0);
  }

  /** Whether a step is one of those foreseen; what undoes a failure is not. */
  has(step: Step): boolean {
    return this.expected.has(step);
  }

  at(step: Step, elapsedMs: number): Estimate {
    const stepMs = this.expected.get(step) ?? 0;
    return estimate({ totalMs: this.totalMs, passedMs: this.passedMs, stepMs, elapsedMs });
  }

  pass(step: Step): void {
    this.passedMs += this.expected.get(step) ?? 0;
  }
}

/**
 * What all plans of an operation will take, by this tree's own history (`expectedMs` in milliseconds, by key); undefined where
 * it has none for a step that may take long: half an estimate would be a wrong one.
 */
export function foresee(
  plans: readonly Pick<Plan, "steps">[],
  expectedMs: (key: string) => number | undefined,
): Progress | undefined {
  const known = new Map<string, number | undefined>();
  const expected = new Map<Step, number>();
  for (const step of plans.flatMap(({ steps }) => steps)) {
    const key = historyKey(step);
    if (!known.has(key)) known.set(key, expectedMs(key));
    const ms = known.get(key) ?? (QUICK.has(step.kind) ? 0 : undefined);
    if (ms === undefined) return undefined;
    expected.set(step, ms);
  }
  return new Progress(expected);
}
