import { html } from "hono/html";
import type { ListedOperation, StepRow } from "../api/reader.ts";
import { renderBar } from "./bars.ts";
import type { Html } from "./layout.ts";
import { renderTable } from "./table.ts";
import { durationOf, renderText, renderVerdict, showDuration } from "./values.ts";
import { verdictOfStep } from "./words.ts";

/** A step on the clock of its operation, in ms from its beginning. */
interface Timed {
  step: StepRow;
  from: number;
  to: number;
}

/** What is only a file here and a row there; who reads a deploy wants what took time or changed what serves. */
const SMALL_KEYS = new Set(["mkdir", "write", "move", "remove", "record", "link"]);
const SMALL_MS = 100;
/** A link among others, and the one that matters. */
const SWITCH = /^Point current /;

/** A deploy of more than this many steps is shown without the small ones at first. */
const MANY = 8;

function isSmall({ key, title, outcome, duration_ms }: StepRow): boolean {
  const isQuick = SMALL_KEYS.has(key) && !SWITCH.test(title) && (duration_ms ?? 0) < SMALL_MS;
  return outcome === "already" || (outcome === "done" && isQuick);
}

/** The steps of an operation as a chart of when each one ran, and the one that is at work now. */
export function renderSteps(operation: ListedOperation, steps: StepRow[], now: Date): Html {
  const timed = [...steps.map((step) => timedOf(operation, step, now)), ...openStep(operation, steps, now)];
  if (timed.length === 0) return html`<p>No step was begun.</p>`;
  const whole = Math.max(durationOf(operation, now) ?? 0, 1, ...timed.map(({ to }) => to));
  const small = steps.filter(isSmall);
  if (timed.length <= MANY || small.length < 2) return renderTimed(timed, operation, whole, "Steps, in their order");
  const large = timed.filter(({ step }) => !isSmall(step));
  return html`${large.length > 0 ? renderTimed(large, operation, whole, "Steps that took time or changed what serves") : ""}
    <details class="all" id="all-steps">
      <summary>All ${steps.length} steps, with ${small.length} small ones</summary>
      ${renderTimed(timed, operation, whole, "All steps, in their order")}
    </details>`;
}

function timedOf(operation: ListedOperation, step: StepRow, now: Date): Timed {
  const from = Math.max(0, Date.parse(step.started_at) - Date.parse(operation.started_at));
  const isAtWork = step.outcome === null && operation.outcome === null;
  const ms = step.duration_ms ?? (isAtWork ? now.getTime() - Date.parse(step.started_at) : 0);
  return { step, from, to: from + Math.max(0, ms) };
}

/** A quick step's row is written at its end: between the last one's end and now, the next one is at work. */
function openStep(operation: ListedOperation, steps: StepRow[], now: Date): Timed[] {
  if (operation.outcome !== null || steps.some(({ outcome }) => outcome === null)) return [];
  const last = steps.at(-1);
  const since = last ? Date.parse(last.started_at) + (last.duration_ms ?? 0) : Date.parse(operation.started_at);
  const step: StepRow = {
    seq: (last?.seq ?? 0) + 1,
    key: "",
    title: "The next step",
    started_at: new Date(since).toISOString(),
    duration_ms: null,
    outcome: null,
  };
  return [timedOf(operation, step, now)];
}

function renderTimed(timed: Timed[], operation: ListedOperation, whole: number, caption: string): Html {
  return renderTable({
    name: "steps",
    caption,
    columns: [
      ["title", "Step"],
      ["outcome", "Outcome"],
      ["took", "Took"],
      ["chart", `When, of ${showDuration(whole)}`],
    ],
    rows: timed.map((one) => renderRow(one, operation, whole)),
  });
}

function renderRow({ step, from, to }: Timed, operation: ListedOperation, whole: number): Html {
  const { seq, title, outcome, duration_ms } = step;
  const verdict = verdictOfStep(outcome, operation);
  const isQuiet = isSmall(step);
  const isCutOff = duration_ms === null && operation.outcome !== null;
  return html`<tr role="row" class="${isQuiet ? "small" : ""}" data-key="step-${seq}">
    <th role="rowheader" scope="row" class="title">${renderText(title)}</th>
    <td role="cell" class="outcome">${renderVerdict(verdict)}</td>
    <td role="cell" class="took">${showDuration(isCutOff ? undefined : to - from)}</td>
    <td role="cell" class="chart">
      <span class="hidden">from ${showDuration(from)} on</span
      >${renderBar([{ from: from / whole, to: to / whole, className: verdict.tone }])}
    </td>
  </tr>`;
}
