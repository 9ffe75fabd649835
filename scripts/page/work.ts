import { html } from "hono/html";
import type { ListedOperation } from "../api/reader.ts";
import { printable } from "../text/table.ts";
import type { Html } from "./layout.ts";
import { durationOf, operationPath, renderAgo, renderText, renderTime, renderVerdict, showDuration } from "./values.ts";
import { titleOfOperation, verdictOfOperation } from "./words.ts";

/** An operation that is at work, on the first page; `step`: what it does at this moment. */
export function renderWork(operation: ListedOperation, step: string | undefined, now: Date): Html {
  return html`<div class="card busy" data-key="${operation.id}">
    <h2>At work now</h2>
    <p>${renderOperation(operation)}</p>
    <p>${renderVerdict(verdictOfOperation(null))} for ${showDuration(durationOf(operation, now))}</p>
    ${step === undefined ? "" : html`<p class="step">${renderText(step)}</p>`}
    <p class="soft">by ${renderText(operation.user)} on ${renderText(operation.host)}</p>
  </div>`;
}

/** The latest operation that has an end. */
export function renderLast(operation: ListedOperation | undefined, now: Date): Html {
  if (!operation) return html``;
  const { outcome, message, started_at, user } = operation;
  const took = durationOf(operation, now);
  return html`<div class="card" data-key="${operation.id}">
    <h2>Last operation</h2>
    <p>${renderOperation(operation)}</p>
    <p>${renderVerdict(verdictOfOperation(outcome))}</p>
    ${outcome === "done" ? "" : renderReason(message)}
    <p class="soft">
      ${renderTime(started_at)} (${renderAgo(started_at, now)}),
      ${took === undefined ? "" : `took ${showDuration(took)}, `}by ${renderText(user)}
    </p>
  </div>`;
}

/** An operation's name, as a link to its page. */
export const renderOperation = (operation: ListedOperation): Html =>
  html`<a href="${operationPath(operation.id)}"><bdi class="text">${printable(titleOfOperation(operation))}</bdi></a>`;

/** The first line of what was said at an end that was not a good one. */
export function renderReason(message: string | null): Html {
  const [first = ""] = (message ?? "").split("\n");
  return first === "" ? html`` : html`<p class="reason">${renderText(first)}</p>`;
}
