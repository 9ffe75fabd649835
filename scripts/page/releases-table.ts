import { html } from "hono/html";
import type { ReleaseRow } from "../registry/releases.ts";
import { showBytes } from "../text/amounts.ts";
import { renderBar } from "./bars.ts";
import { type HomeFacts, type HostedRow, reachOf, runningOf } from "./home.ts";
import { type Html, renderTyped } from "./layout.ts";
import {
  durationOf,
  operationPath,
  renderCommit,
  renderRelease,
  renderText,
  renderTime,
  renderVerdict,
  SHORT,
  showDuration,
} from "./values.ts";
import { printable } from "../text/table.ts";
import { titleOfOperation, verdictOfOperation, verdictOfRelease } from "./words.ts";
import { renderTable } from "./table.ts";

/** What a row is measured by: the largest of the page. */
interface Scale {
  ms: number;
  bytes: number;
}

/** The timeline: a page of releases, the newest first. */
export function renderReleases(facts: HomeFacts, now: Date): Html {
  const { releases, before } = facts;
  if (releases.length === 0) return before === undefined ? renderNone(facts) : renderEnd();
  const scale = scaleOf(facts, now);
  return html`<section class="timeline" aria-labelledby="releases">
    <h2 id="releases">${before === undefined ? "Releases" : "Earlier releases"}</h2>
    ${renderTable({
      name: "releases",
      caption: "Releases, the newest first: how each one stands, when and how long it was deployed, and its size",
      columns: [
        ["outcome", "Outcome"],
        ["release", "Release"],
        ["when", "Deployed (UTC)"],
        ["took", "Took"],
        ["size", "Size, and what it added"],
      ],
      rows: releases.map((row) => renderRow(row, facts, scale, now)),
    })}
    ${renderPaging(facts)}
  </section>`;
}

function renderNone({ last, atWork }: HomeFacts): Html {
  const hasRun = last !== undefined || atWork.length > 0;
  const lines = [...(hasRun ? [] : ["ops/release/prepare_shared.ts"]), "ops/release/deploy.ts HEAD"];
  return html`<section class="timeline" aria-labelledby="releases">
    <h2 id="releases">No release yet</h2>
    <p>The first one is made in the application's repository, by</p>
    ${renderTyped(lines)}
    <p class="soft">It appears here by itself.</p>
  </section>`;
}

const renderEnd = (): Html =>
  html`<section class="timeline">
    <h2>No earlier releases</h2>
    <p><a href="/">The newest ones</a></p>
  </section>`;

function scaleOf({ releases, deploys }: HomeFacts, now: Date): Scale {
  const times = [...deploys.values()].map((operation) => durationOf(operation, now) ?? 0);
  return { ms: Math.max(1, ...times), bytes: Math.max(1, ...releases.map(({ bytes }) => bytes ?? 0)) };
}

function renderRow(row: HostedRow, facts: HomeFacts, scale: Scale, now: Date): Html {
  const reach = reachOf(row, facts.hosts);
  return html`<tr role="row" class="${reach.on > 0 ? "running" : ""}" data-key="${row.id}-${row.release_id}">
    <td role="cell" class="outcome">${renderVerdict(verdictOfRelease(row, reach))}</td>
    <th role="rowheader" scope="row" class="release">
      ${renderRelease(row.release_id)} ${renderSha(row)} ${renderNotes(row, facts)}
    </th>
    <td role="cell" class="when">${renderTime(row.deployed_at)}</td>
    <td role="cell" class="took">${renderTook(row, facts, scale, now)}</td>
    <td role="cell" class="size">${renderSize(row, scale)}</td>
  </tr>`;
}

/** The commit, where the id does not say it already. */
function renderSha({ release_id, commit_sha }: ReleaseRow): Html {
  const isSaid = commit_sha === "" || release_id.includes(commit_sha.slice(0, SHORT));
  return isSaid ? html`` : html`<span class="soft">${renderCommit(commit_sha)}</span>`;
}

/** Small words beside an id: pinned, a rollback's target, on which of several hosts. */
function renderNotes(
  { release_id, is_pinned, status, ...row }: HostedRow,
  { hosts, target, deploys }: HomeFacts,
): Html[] {
  const outcome = deploys.get(release_id)?.outcome ?? "done";
  const on = hosts.filter((host) => host.release_id === release_id);
  return [
    ...(row.host === undefined ? [] : [html`<span class="note">on ${renderText(row.host)}</span> `]),
    ...(row.host === undefined && runningOf(hosts).length > 1 && on.length > 0
      ? [html`<span class="note">on ${renderText(on.map(({ host }) => host).join(", "))}</span> `]
      : []),
    // That it was pruned hides how it went before.
    ...(status === "pruned" && outcome !== "done"
      ? [html`<span class="note">${verdictOfOperation(outcome).words}</span> `]
      : []),
    ...(is_pinned === 1 ? [html`<span class="note">pinned</span> `] : []),
    ...(target === release_id ? [html`<span class="note">a rollback goes here</span>`] : []),
  ];
}

function renderTook({ release_id }: ReleaseRow, { deploys }: HomeFacts, { ms }: Scale, now: Date): Html {
  const operation = deploys.get(release_id);
  if (!operation) return html`<span class="none">–</span>`;
  const took = durationOf(operation, now);
  return html`<a class="amount" href="${operationPath(operation.id)}"
      >${showDuration(took)}<span class="hidden"> for: ${printable(titleOfOperation(operation))}</span></a
    >
    ${took === undefined ? "" : renderBar([{ from: 0, to: took / ms, className: verdictOfOperation(operation.outcome).tone }])}`;
}

function renderSize({ bytes, own_bytes: own }: ReleaseRow, scale: Scale): Html {
  if (bytes === null) return html`<span class="none">–</span>`;
  const added = own == null ? "" : html` <span class="soft">added ${showBytes(own)}</span>`;
  const whole = { from: 0, to: bytes / scale.bytes, className: "shared" };
  return html`<span class="amount">${showBytes(bytes)}${added}</span>
    ${renderBar(own == null ? [whole] : [whole, { from: 0, to: own / scale.bytes }])}`;
}

function renderPaging({ releases, before, hasOlder }: HomeFacts): Html {
  if (before === undefined && !hasOlder) return html``;
  return html`<nav class="paging" aria-label="Pages of releases">
    ${before === undefined ? "" : html`<a href="/">The newest</a>`}
    ${hasOlder ? html`<a rel="next" href="/?before=${releases.at(-1)?.id}">Older releases</a>` : ""}
  </nav>`;
}
