import { type Cell, type Column, median } from "./measure.ts";

/** What a row should reach: `value` at most `limit`, or at least. */
export interface Aim {
  text: string;
  value: number;
  limit: number;
  isAtLeast?: boolean;
  unit: "×" | "ms";
}

export interface Row {
  name: string;
  title: string;
  cells: Cell[];
  aims: Aim[];
  notes?: string[];
}

const COLUMNS: [column: Column, title: string][] = [
  ["switchback", "switchback"],
  ["teams", "the five teams' way"],
  ["capistrano", "Capistrano, local"],
  ["capistrano, ssh", "Capistrano, ssh"],
  ["floor", "the floor"],
];

/** How far one column's middle value is above another's: 3 is three times as much. */
export function ratio(cells: Cell[], over: string, under: string): number {
  const of = (name: string) => cells.find((cell) => cell.column === name || cell.name === name);
  return median(of(over)?.values ?? []) / median(of(under)?.values ?? []);
}

/** Only those aims whose ways were measured here. */
export const measured = (aims: Aim[]) => aims.filter(({ value }) => Number.isFinite(value));

export const isMet = ({ value, limit, isAtLeast }: Aim) => (isAtLeast ? value >= limit : value <= limit);

export function renderAim(aim: Aim): string {
  const show = (value: number) =>
    aim.unit === "ms" ? `${value.toFixed(0)} ms` : `${value.toFixed(value < 10 ? 2 : 1)} ×`;
  const sign = aim.isAtLeast ? "≥" : "≤";
  const aimed = aim.unit === "ms" ? `${aim.limit} ms` : `${aim.limit} ×`;
  const missed = `missed by ${show(Math.abs(aim.value - aim.limit))}`;
  return `${aim.text}: ${show(aim.value)}, aim ${sign} ${aimed}: ${isMet(aim) ? "met" : missed}`;
}

export function renderValue(value: number, unit: Cell["unit"]): string {
  if (unit === "bytes") return value < 10e6 ? `${(value / 1e6).toFixed(2)} MB` : `${(value / 1e6).toFixed(0)} MB`;
  if (value < 10) return `${value.toFixed(1)} ms`;
  return value < 1000 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(2)} s`;
}

/** The README's table: one line a row, one column a way, times and how many times switchback's that is. */
export function renderMarkdown(rows: Row[], facts: string[]): string {
  const used = COLUMNS.filter(([column]) => rows.some(({ cells }) => cells.some((cell) => cell.column === column)));
  const line = (words: string[]) => `| ${words.join(" | ")} |`;
  const body = rows.map((row) =>
    line([
      row.title,
      ...used.map(([column]) => renderCells(row, column)),
      row.aims.map((aim) => inCell(renderAim(aim))).join("<br>"),
    ]),
  );
  const head = [line(["", ...used.map(([, title]) => title), "aim"]), line(["", ...used, ""].map(() => "---"))];
  const notes = rows.flatMap(({ notes: own = [], title }) => own.map((note) => `- ${title}: ${note}`));
  return `${[...head, ...body].join("\n")}\n\n${[...facts.map((fact) => `- ${fact}`), ...notes].join("\n")}\n`;
}

const inCell = (text: string) => text.replaceAll("|", "\\|");

function renderCells({ cells }: Row, column: Column): string {
  const own = median(cells.find((cell) => cell.column === "switchback")?.values ?? []);
  const shown = cells.filter((cell) => cell.column === column);
  return shown
    .map(({ name, unit, values }) => {
      const value = median(values);
      const times = column === "switchback" ? "" : ` (${(value / own).toPrecision(2)} ×)`;
      return `${renderValue(value, unit)}${times}${column === "floor" ? ` ${inCell(name)}` : ""}`;
    })
    .join("<br>");
}

/** A row for a terminal, as soon as it is known. */
export function renderRow({ title, cells, aims, notes = [] }: Row): string {
  const lines = cells.map(({ column, name, unit, values }) => {
    const spread =
      values.length > 1
        ? ` (${[Math.min(...values), Math.max(...values)].map((one) => renderValue(one, unit)).join(" to ")})`
        : "";
    return `  ${`${column}: ${name}`.padEnd(64)} ${renderValue(median(values), unit)}${spread}`;
  });
  return [
    `\n${title}`,
    ...lines,
    ...aims.map((aim) => `  ${renderAim(aim)}`),
    ...notes.map((note) => `  ${note}`),
    "",
  ].join("\n");
}
