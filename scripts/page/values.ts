import { html } from "hono/html";
import type { OperationRow } from "../registry/journal.ts";
import { seconds } from "../terminal/durations.ts";
import { showAge, showTime } from "../text/amounts.ts";
import { printable } from "../text/table.ts";
import type { Html } from "./layout.ts";
import { renderShape } from "./shapes.ts";
import type { Verdict } from "./words.ts";

/** Text from a row, of any length and direction: kept apart from what stands around it. */
export const renderText = (text: string): Html => html`<bdi class="text">${printable(text)}</bdi>`;

/** An id, as a link to its page. */
export const renderRelease = (id: string): Html =>
  html`<a class="id" href="/releases/${encodeURIComponent(id)}"><bdi>${printable(id)}</bdi></a>`;

export const operationPath = (id: string) => `/operations/${encodeURIComponent(id)}`;

/** A commit as people say it: seven characters of it. */
export const SHORT = 7;

export const renderCommit = (sha: string | null): Html =>
  sha ? html`<code title="${printable(sha)}">${printable(sha.slice(0, SHORT))}</code>` : html`<span>not known</span>`;

/** An instant, in UTC to the second; a dash for none. */
export function renderTime(iso: string | null): Html {
  if (iso === null) return html`<span class="none">–</span>`;
  const shown = showTime(iso);
  return html`<time datetime="${iso}">${shown}<span class="zone"> UTC</span></time>`;
}

/** `3 h 12 m ago`: how far an instant lies back. */
export const renderAgo = (iso: string, now: Date): Html =>
  html`<span class="ago">${showAge(now.getTime() - Date.parse(iso))} ago</span>`;

/** How something stands: shape, words and colour. */
export const renderVerdict = ({ words, tone, shape }: Verdict): Html =>
  html`<span class="verdict ${tone}">${renderShape(shape)}<span>${printable(words)}</span></span>`;

/** How long an operation took, or has been at work by now, in ms; undefined where a crash hides it. */
export function durationOf({ started_at, finished_at, outcome }: OperationRow, now: Date): number | undefined {
  const end = finished_at ?? (outcome === null ? now.toISOString() : undefined);
  return end === undefined ? undefined : Math.max(0, Date.parse(end) - Date.parse(started_at));
}

/** Shorter than this is not told in figures. */
const NO_TIME_MS = 5;

export const showDuration = (ms: number | undefined) =>
  ms === undefined ? "–" : ms < NO_TIME_MS ? "< 0.01 s" : seconds(ms);

/** What is known of something, name by name; what is undefined is left out. */
export function renderFacts(facts: [name: string, value: Html | string | number | undefined][]): Html {
  const known = facts.filter(([, value]) => value !== undefined);
  return html`<dl class="facts">
    ${known.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

/** When something was, and how long that is ago. */
export const renderSince = (iso: string, now: Date): Html =>
  html`${renderTime(iso)} <span class="soft">(${renderAgo(iso, now)})</span>`;
