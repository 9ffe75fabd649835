import { html } from "hono/html";
import type { Html } from "./layout.ts";

interface Table {
  /** Its class. */
  name: string;
  /** For who cannot see it. */
  caption: string;
  /** Class, which may be empty, and heading of each column. */
  columns: [name: string, heading: string][];
  rows: Html[];
}

/** A table of the page. The roles are said once more: one that is laid out otherwise, as on a phone, loses them in some browsers. */
export const renderTable = ({ name, caption, columns, rows }: Table): Html =>
  html`<table class="${name}" role="table">
    <caption class="hidden">
      ${caption}
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        ${columns.map(([column, heading]) => html`<th role="columnheader" scope="col" class="${column}">${heading}</th>`)}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows}
    </tbody>
  </table>`;
