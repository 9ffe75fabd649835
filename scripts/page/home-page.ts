import { html } from "hono/html";
import type { HostState } from "../api/reader.ts";
import { type HomeFacts, isStopped, runningOf } from "./home.ts";
import type { Html, Page } from "./layout.ts";
import { renderReleases } from "./releases-table.ts";
import { renderLast, renderWork } from "./work.ts";
import { titleOfOperation, verdictOfOperation } from "./words.ts";
import { printable } from "../text/table.ts";
import { renderAgo, renderCommit, renderFacts, renderRelease, renderSince, renderText, renderTime } from "./values.ts";
import { renderTable } from "./table.ts";

/** `/`: what runs, what is at work, and the timeline of releases. */
export function renderHome(facts: HomeFacts, app: string, now: Date): Page {
  const isAtWork = facts.atWork.length > 0;
  return {
    title: `${app}: ${headline(facts.hosts)}${isAtWork ? "; at work" : ""}`,
    isAtWork,
    isStill: facts.before !== undefined,
    main: html`<section class="now" aria-labelledby="now">
        <div class="runs">
          <h1 id="now">${renderHeading(facts.hosts, app)}</h1>
          ${facts.hosts.length > 1 ? renderHosts(facts.hosts, now) : renderOne(facts, now)}
        </div>
        <p class="hidden" aria-live="polite">${sayWork(facts)}</p>
        <div class="work">
          ${isAtWork ? facts.atWork.map((one) => renderWork(one, facts.doing.get(one.id), now)) : renderLast(facts.last, now)}
        </div>
      </section>
      ${renderReleases(facts, now)}`,
  };
}

// Read aloud whenever it changes: nothing in it may count the seconds.
function sayWork({ atWork, last }: HomeFacts): string {
  if (atWork.length > 0) return printable(`${atWork.map(titleOfOperation).join(", ")}: at work`);
  return last ? printable(`${titleOfOperation(last)}: ${verdictOfOperation(last.outcome).words}`) : "";
}

/** In a few words, for a tab: the release that runs, or how many do. */
function headline(hosts: HostState[]): string {
  const running = runningOf(hosts);
  const without = hosts.filter(({ release_id }) => release_id === null).length;
  if (running.length === 0) return "nothing runs";
  if (running.length > 1) return `${running.length} releases on ${hosts.length} hosts`;
  if (isStopped(hosts)) return `${running[0]} is current and does not serve`;
  return without === 0
    ? `${running[0]} runs`
    : `${running[0]} runs on ${hosts.length - without} of ${hosts.length} hosts`;
}

function renderHeading(hosts: HostState[], app: string): Html {
  const running = runningOf(hosts);
  const [only = ""] = running;
  const name = renderText(app);
  if (running.length === 0) return html`${name} does not run: nothing is deployed`;
  if (running.length > 1)
    return html`${name} runs <strong>${running.length} different releases</strong> on ${hosts.length} hosts`;
  if (isStopped(hosts))
    return html`${name}: <strong class="id">${renderText(only)}</strong> is current and does not serve`;
  const on = hosts.filter(({ release_id }) => release_id !== null).length;
  const share = on < hosts.length ? ` of ${hosts.length}` : "";
  const where = hosts.length > 1 ? html` on ${on}${share} hosts` : "";
  return html`${name} runs <strong class="id">${renderText(only)}</strong>${where}`;
}

function renderOne({ hosts, target }: HomeFacts, now: Date): Html {
  const [state] = hosts;
  if (!state || state.release_id === null) return html``;
  const { since, commit_sha, host, deploy_to, told_at } = state;
  const words = isStopped([state]) ? "current since" : "since";
  return html`${since === null ? "" : html`<p class="lead">${words} ${renderSince(since, now)}</p>`}
  ${renderFacts([
    ["Commit", renderCommit(commit_sha)],
    ["Host", renderText(host)],
    ["Tree", html`<code>${renderText(deploy_to)}</code>`],
    ["As told", told_at === undefined ? undefined : renderSince(told_at, now)],
    ["Rollback to", target === undefined ? "nowhere: there is no earlier good release" : renderRelease(target)],
  ])}`;
}

function renderHosts(hosts: HostState[], now: Date): Html {
  return renderTable({
    name: "hosts",
    caption: "What runs on each host",
    columns: [
      ["", "Host"],
      ["", "Release"],
      ["", "Since"],
    ],
    rows: hosts.map((host) => renderHost(host, now)),
  });
}

function renderHost({ host, release_id, since, told_at }: HostState, now: Date): Html {
  const release = release_id === null ? html`<span class="soft">nothing is deployed</span>` : renderRelease(release_id);
  const when = since === null ? renderTime(null) : renderSince(since, now);
  return html`<tr role="row" data-key="${host}">
    <th role="rowheader" scope="row">${renderText(host)}</th>
    <td role="cell">${release}</td>
    <td role="cell">
      ${when}${told_at === undefined ? "" : html` <span class="soft">as told ${renderAgo(told_at, now)}</span>`}
    </td>
  </tr>`;
}
