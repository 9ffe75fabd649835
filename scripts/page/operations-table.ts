import { html } from "hono/html";
import type { ListedOperation } from "../api/reader.ts";
import { renderBar } from "./bars.ts";
import type { Html } from "./layout.ts";
import { renderTable } from "./table.ts";
import { durationOf, renderText, renderTime, renderVerdict, showDuration } from "./values.ts";
import { renderOperation, renderReason } from "./work.ts";
import { verdictOfOperation } from "./words.ts";

/** A table of operations, in the order given. */
export function renderOperationsTable(operations: ListedOperation[], now: Date, caption: string): Html {
  const most = Math.max(1, ...operations.map((one) => durationOf(one, now) ?? 0));
  return renderTable({
    name: "operations",
    caption,
    columns: [
      ["operation", "Operation"],
      ["outcome", "Outcome"],
      ["when", "Began (UTC)"],
      ["took", "Took"],
      ["by", "By"],
    ],
    rows: operations.map((one) => renderRow(one, most, now)),
  });
}

function renderRow(operation: ListedOperation, most: number, now: Date): Html {
  const { id, outcome, message, started_at, user, host } = operation;
  const took = durationOf(operation, now);
  return html`<tr role="row" class="${outcome === null ? "running" : ""}" data-key="${id}">
    <th role="rowheader" scope="row" class="operation">${renderOperation(operation)}</th>
    <td role="cell" class="outcome">
      ${renderVerdict(verdictOfOperation(outcome))}${outcome === "done" ? "" : renderReason(message)}
    </td>
    <td role="cell" class="when">${renderTime(started_at)}</td>
    <td role="cell" class="took">
      <span class="amount">${showDuration(took)}</span
      >${took === undefined ? "" : renderBar([{ from: 0, to: took / most, className: verdictOfOperation(outcome).tone }])}
    </td>
    <td role="cell" class="by">${renderText(`${user}@${host}`)}</td>
  </tr>`;
}
