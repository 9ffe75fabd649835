import { html } from "hono/html";
import type { HostState, ListedOperation, Reader } from "../api/reader.ts";
import type { ReleaseRow } from "../registry/releases.ts";
import { isGood } from "../registry/releases.ts";
import { command } from "../core/step.ts";
import { showBytes } from "../text/amounts.ts";
import { type Html, type Page, renderTyped } from "./layout.ts";
import { isStopped } from "./home.ts";
import { renderOperationsTable } from "./operations-table.ts";
import { renderFacts, renderRelease, renderText, renderTime, renderVerdict } from "./values.ts";
import { verdictOfRelease } from "./words.ts";

/** Operations about one release that its page shows. */
const MOST = 50;

/** What a release's page tells. */
export interface ReleaseFacts {
  row: ReleaseRow;
  /** Those that run it. */
  hosts: HostState[];
  hostCount: number;
  operations: ListedOperation[];
  hasMore: boolean;
  /** Where its tree is, if there is one tree only. */
  opsPath: string;
}

/** Undefined for a release that the registry does not know. */
export async function observeRelease(reader: Reader, id: string): Promise<ReleaseFacts | undefined> {
  const row = await reader.release(id);
  if (!row) return undefined;
  const [hosts, operations] = await Promise.all([
    reader.hosts(),
    reader.operations({ limit: MOST + 1, releaseId: id }),
  ]);
  const trees = [...new Set(hosts.map(({ deploy_to }) => deploy_to))];
  return {
    row,
    hosts: hosts.filter(({ release_id }) => release_id === id),
    hostCount: hosts.length,
    operations: operations.slice(0, MOST),
    hasMore: operations.length > MOST,
    opsPath: trees.length === 1 ? `${trees[0]}/ops` : "ops",
  };
}

/** `/releases/<id>`: one release, and what was done with it. */
export function renderReleasePage(facts: ReleaseFacts, app: string, now: Date): Page {
  const { row, hosts, operations, hasMore } = facts;
  const verdict = verdictOfRelease(row, { on: hosts.length, of: facts.hostCount, isStopped: isStopped(hosts) });
  return {
    title: `${app}: ${row.release_id}, ${verdict.words}`,
    isAtWork: operations.some(({ outcome }) => outcome === null),
    main: html`<h1><span class="eyebrow">Release</span> <span class="id">${renderText(row.release_id)}</span></h1>
      <p class="lead" aria-live="polite">${renderVerdict(verdict)}</p>
      ${renderRow(facts)} ${renderWayBack(facts)}
      <section aria-labelledby="operations">
        <h2 id="operations">Operations</h2>
        ${operations.length === 0 ? html`<p>Nothing is recorded: its row came from elsewhere.</p>` : renderOperationsTable(operations, now, `Operations about ${row.release_id}, the newest first`)}
        ${hasMore ? html`<p class="soft">These are the newest ${MOST}.</p>` : ""}
      </section>`,
  };
}

function renderRow({ row, hosts }: ReleaseFacts): Html {
  const { commit_sha, deployed_at, previous_release_id: previous, migration_marker: schema, bytes, own_bytes } = row;
  const own = own_bytes == null ? "" : `, of which it added ${showBytes(own_bytes)}`;
  return renderFacts([
    [
      isStopped(hosts) ? "Current on" : "Runs on",
      hosts.length > 0 ? renderText(hosts.map(({ host }) => host).join(", ")) : undefined,
    ],
    ["Commit", commit_sha === "" ? "not known" : html`<code>${renderText(commit_sha)}</code>`],
    ["Deployed", deployed_at === null ? "never" : renderTime(deployed_at)],
    ["Took over", previous === null ? "from nothing" : html`from ${renderRelease(previous)}`],
    ["Schema", schema === null ? undefined : html`<code>${renderText(schema)}</code>`],
    ["Size", bytes === null ? "not known" : `${showBytes(bytes)}${own}`],
    ["Pinned", row.is_pinned === 1 ? "yes: it is never pruned" : "no"],
    ["Changed", renderTime(row.updated_at)],
  ]);
}

/** How to make a release run that does not. */
function renderWayBack({ row, hosts, opsPath }: ReleaseFacts): Html {
  const mayRun = hosts.length === 0 && (isGood(row.status) || row.status === "built");
  if (!mayRun) return html``;
  const line = command(`${opsPath}/release/switch_current.ts`, row.release_id);
  return html`<details class="typed">
    <summary>What to type to make it run</summary>
    ${renderTyped([line])}
  </details>`;
}
