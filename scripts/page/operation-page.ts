import { html } from "hono/html";
import type { ListedOperation, LogPart, LogPlace, Reader, StepRow } from "../api/reader.ts";
import { argumentsOf } from "./arguments.ts";
import type { Html, Page } from "./layout.ts";
import { plainLog, TAIL_BYTES, tailOf } from "./log.ts";
import { renderSteps } from "./steps.ts";
import {
  durationOf,
  operationPath,
  renderFacts,
  renderRelease,
  renderSince,
  renderText,
  renderTime,
  renderVerdict,
  showDuration,
} from "./values.ts";
import { titleOfOperation, verdictOfOperation } from "./words.ts";

/** What an operation's page tells. */
export interface OperationFacts {
  operation: ListedOperation;
  steps: StepRow[];
  /** Its end; undefined where there is no log any more. */
  log: LogPart | undefined;
  /** Where it lies, if that is on another host. */
  logPlace: LogPlace | undefined;
}

/** Undefined for an operation that the registry does not know. */
export async function observeOperation(reader: Reader, id: string): Promise<OperationFacts | undefined> {
  const found = await reader.operation(id);
  if (!found) return undefined;
  const log = await reader.log(id, -TAIL_BYTES);
  return { ...found, log, logPlace: log ? undefined : await reader.logPlace?.(id) };
}

/** `/operations/<id>`: who did what when, step by step, and how it ended. */
export function renderOperationPage({ operation, steps, log, logPlace }: OperationFacts, app: string, now: Date): Page {
  const verdict = verdictOfOperation(operation.outcome);
  const title = titleOfOperation(operation);
  return {
    title: `${app}: ${title}, ${verdict.words}`,
    isAtWork: operation.outcome === null,
    isStill: operation.finished_at !== null,
    main: html`<h1>${renderText(title)}</h1>
      <p class="lead" id="outcome" aria-live="polite">${renderVerdict(verdict)}</p>
      ${renderMessage(operation)} ${renderRow(operation, now)}
      <section aria-labelledby="steps">
        <h2 id="steps">Steps</h2>
        ${renderSteps(operation, steps, now)}
      </section>
      ${renderLog(operation.id, log, logPlace)}`,
  };
}

function renderMessage({ message }: ListedOperation): Html {
  const lines = (message ?? "").split("\n").filter(Boolean);
  return lines.length === 0
    ? html``
    : html`<div class="message">${lines.map((line) => html`<p>${renderText(line)}</p>`)}</div>`;
}

function renderRow(operation: ListedOperation, now: Date): Html {
  const {
    id,
    release_id,
    previous_release_id: previous,
    started_at,
    finished_at,
    exit_code,
    user,
    host,
    pid,
  } = operation;
  return renderFacts([
    ["Release", release_id === null ? undefined : renderRelease(release_id)],
    ["Before it", previous === null ? undefined : renderRelease(previous)],
    ["Began", renderSince(started_at, now)],
    ["Ended", finished_at === null ? whyNoEnd(operation) : renderTime(finished_at)],
    ["Took", showDuration(durationOf(operation, now))],
    ["By", html`${renderText(user)} on ${renderText(host)} <span class="soft">(pid ${pid})</span>`],
    ["Arguments", renderArguments(operation)],
    ["Exit code", exit_code ?? undefined],
    ["Id", html`<code>${renderText(id)}</code>`],
  ]);
}

/** Its process is gone, and nothing has undone yet what it left. */
const whyNoEnd = ({ outcome }: ListedOperation): string =>
  outcome === null
    ? "not yet"
    : "it was cut off: the next command that changes something undoes it, or ops/release/recover.ts";

function renderArguments(operation: ListedOperation): Html {
  const words = argumentsOf(operation.arguments);
  return words.length === 0
    ? html`none`
    : html`${words.map(([name, value]) => html`<code>${renderText(name === "" ? value : `${name}: ${value}`)}</code> `)}`;
}

function renderLog(id: string, log: LogPart | undefined, place: LogPlace | undefined): Html {
  if (!log)
    return html`<section aria-labelledby="log">
      <h2 id="log">Log</h2>
      <p>${place ? renderLogPlace(place) : "There is no log of it any more."}</p>
    </section>`;
  const { text, isCut } = tailOf(log);
  const whole = `${operationPath(id)}/log`;
  return html`<section aria-labelledby="log">
    <h2 id="log">Log</h2>
    <p>
      <a href="${whole}">All of it, as plain text</a>${isCut ? html` <span class="soft">(below is its end)</span>` : ""}
    </p>
    <pre
      class="log"
      tabindex="0"
      role="region"
      aria-labelledby="log"
      data-log="${whole}"
      data-next="${log.next}"
      data-whole="${log.isWhole ? "yes" : "no"}"
    >
${plainLog(text)}</pre>
  </section>`;
}

const renderLogPlace = ({ host, file }: LogPlace): Html =>
  html`It lies on ${renderText(host)}, and is not read from here: <code>${renderText(file)}</code>`;
