import { clock } from "./durations.ts";
import { fit } from "./fit.ts";
import type { Estimate } from "./progress.ts";
import type { Step } from "../core/step.ts";

/** The moving line: a step at work. */
export interface Bar {
  title: string;
  /** `performance.now()`. */
  since: number;
  step: Step | undefined;
  /** In place of the title and its times: what is waited for. */
  note?: () => string;
  timer: NodeJS.Timeout;
  /** What stands on the terminal now. */
  drawn: string;
}

/** What the moving line is about. */
export interface Moving {
  title: string;
  /** Milliseconds that the step is at work. */
  elapsedMs: number;
  /** Where the whole operation stands; undefined without a history. */
  estimate: Estimate | undefined;
  /** In place of the title and its times: what is waited for. */
  note: string | undefined;
}

/** A title is cut to no less than that, in columns. */
const SHORTEST = 8;

/** ` 42 %  Build frontend (12 s, about 30 s left)`: percent and what is left are the whole operation's; the title is cut for them. */
export function renderMoving({ title, elapsedMs, estimate, note }: Moving, columns = Number.POSITIVE_INFINITY): string {
  const head = estimate ? `${String(estimate.percent).padStart(3)} % ` : "…";
  if (note !== undefined) return `${head} ${note}`;
  const times = [clock(elapsedMs), ...(estimate ? [renderLeft(estimate)] : [])];
  const tail = ` (${times.join(", ")})`;
  const room = columns - head.length - 1 - tail.length;
  return `${head} ${estimate && room >= SHORTEST ? fit(title, room) : title}${tail}`;
}

/** Less than that, in milliseconds, is not worth a number. */
const SOON = 500;

function renderLeft({ leftMs, isLonger }: Estimate): string {
  const left = leftMs < SOON ? "nearly done" : `about ${clock(leftMs)} left`;
  if (!isLonger) return left;
  return leftMs < SOON ? "longer than usual" : `longer than usual, then ${left}`;
}

/** What a terminal would show of a line that goes back to its beginning, as the progress bars of commands do. */
export const lastWritten = (line: string) => line.replace(/\r+$/, "").split("\r").at(-1) ?? "";
