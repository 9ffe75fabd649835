import { html } from "hono/html";
import type { ListedOperation, Reader } from "../api/reader.ts";
import { type Html, type Page, renderTyped } from "./layout.ts";
import { renderOperationsTable } from "./operations-table.ts";

const PAGE_SIZE = 50;

/** A page of operations: the newest ones, or those before one of them. */
export interface OperationsFacts {
  operations: ListedOperation[];
  before: string | undefined;
  hasOlder: boolean;
}

export async function observeOperations(reader: Reader, before: string | undefined): Promise<OperationsFacts> {
  const found = await reader.operations({ limit: PAGE_SIZE + 1, before });
  return { operations: found.slice(0, PAGE_SIZE), before, hasOlder: found.length > PAGE_SIZE };
}

/** `/operations`: what ran when. */
export function renderOperations(facts: OperationsFacts, app: string, now: Date): Page {
  const { operations, before } = facts;
  const atWork = operations.filter(({ outcome }) => outcome === null).length;
  return {
    title: `${app}: operations${atWork > 0 ? `, ${atWork} at work` : ""}`,
    isAtWork: atWork > 0,
    isStill: before !== undefined,
    main: html`<h1>${before === undefined ? "Operations" : "Earlier operations"}</h1>
      ${operations.length === 0 ? renderNone(before) : renderOperationsTable(operations, now, "Operations, the newest first")}
      ${renderPaging(facts)}`,
  };
}

const renderNone = (before: string | undefined): Html =>
  before === undefined
    ? html`<p>Nothing has run here yet. The first thing to type is</p>
        ${renderTyped(["ops/release/prepare_shared.ts"])}`
    : html`<p>There are none.</p>`;

function renderPaging({ operations, before, hasOlder }: OperationsFacts): Html {
  if (before === undefined && !hasOlder) return html``;
  const last = operations.at(-1)?.id ?? "";
  return html`<nav class="paging" aria-label="Pages of operations">
    ${before === undefined ? "" : html`<a href="/operations">The newest</a>`}
    ${hasOlder ? html`<a rel="next" href="/operations?before=${encodeURIComponent(last)}">Older operations</a>` : ""}
  </nav>`;
}
