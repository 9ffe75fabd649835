/** One column of a table for a person. */
export interface Column<Row> {
  title: string;
  cell: (row: Row) => string;
  isRight?: boolean;
  /** Left out where the terminal is too narrow; the highest number goes first. */
  drop?: number;
}

/** Text that came from a file or a commit must not be able to write escapes to the terminal of who reads it. */
export const printable = (text: string) => text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "�");

/** The table's lines, the titles first, no line with blanks at its end; `width` in columns, default the terminal's. */
export function renderTable<Row>(columns: Column<Row>[], rows: Row[], width = terminalWidth()): string[] {
  const filled = columns.filter(({ cell }) => rows.some((row) => cell(row) !== ""));
  const grids = filled.map((column) => [column.title, ...rows.map((row) => printable(column.cell(row)))]);
  const widths = grids.map((cells) => Math.max(...cells.map((cell) => cell.length)));
  const needed = widths.reduce((sum, one) => sum + one + GAP.length, -GAP.length);
  const least = filled.reduce((most, { drop = 0 }) => Math.max(most, drop), 0);
  if (needed > width && least > 0) {
    const kept = filled.filter(({ drop = 0 }) => drop < least);
    return renderTable(kept, rows, width);
  }
  const line = (at: number) =>
    grids
      .map((cells, i) => pad(cells[at] ?? "", widths[i] ?? 0, filled[i]?.isRight))
      .join(GAP)
      .trimEnd();
  return [...Array(rows.length + 1).keys()].map(line);
}

const GAP = "  ";

const pad = (text: string, width: number, isRight = false) => (isRight ? text.padStart(width) : text.padEnd(width));

/** Columns of the terminal; a pipe or a file takes any width. */
const terminalWidth = () => process.stdout.columns || Number.POSITIVE_INFINITY;
