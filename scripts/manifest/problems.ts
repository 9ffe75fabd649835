import { isAbsolute, relative } from "node:path";
import { UsageError } from "../core/errors.ts";

/** One thing wrong in a manifest: 1-based line and column, and how many characters to underline. */
export interface Problem {
  line: number;
  column: number;
  length: number;
  message: string;
}

const FRAME_WIDTH = 100;
const MAX_SHOWN = 20;
/** More than these are not even looked for: finding the place of each takes time. */
export const MAX_PROBLEMS = 200;

/** Everything that is wrong in one manifest (exit 2); `message` has a `FILE:LINE:COL` line and a code frame for each. */
export class ManifestError extends UsageError {
  readonly file: string;
  readonly problems: Problem[];

  constructor(file: string, text: string, problems: Problem[], next: string[] = []) {
    const sorted = inFileOrder(problems);
    super(renderProblems(file, text, sorted), { next });
    this.file = file;
    this.problems = sorted;
  }
}

/** A file as a person at `cwd` would type it: relative when it lies inside, else absolute. */
export function showFile(filePath: string, cwd: string): string {
  const inside = relative(cwd, filePath);
  return inside === "" || inside.startsWith("..") || isAbsolute(inside) ? filePath : inside;
}

/** Line and column (1-based) of a character offset. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const start = before.lastIndexOf("\n") + 1;
  let line = 1;
  for (let at = before.indexOf("\n"); at !== -1; at = before.indexOf("\n", at + 1)) line++;
  return { line, column: offset - start + 1 };
}

function inFileOrder(problems: Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems
    .filter(({ line, column, message }) => {
      const key = `${line}:${column}:${message}`;
      return !seen.has(key) && seen.add(key);
    })
    .sort((a, b) => a.line - b.line || a.column - b.column);
}

function renderProblems(file: string, text: string, problems: Problem[]): string {
  const lines = text.split(/\r?\n/);
  const shown = problems.slice(0, MAX_SHOWN).map((problem) => renderProblem(file, lines, problem));
  const hidden = problems.length - shown.length;
  if (hidden > 0) shown.push(`… and at least ${hidden} more in ${file}`);
  return shown.join("\n");
}

function renderProblem(file: string, lines: string[], problem: Problem): string {
  const { line, column, message } = problem;
  return [`${file}:${line}:${column}: ${printable(message)}`, ...renderFrame(lines, problem)].join("\n");
}

/** The line before, the line, and carets under what is meant. */
function renderFrame(lines: string[], { line, column, length }: Problem): string[] {
  const current = lines[line - 1];
  if (current === undefined || current.trim() === "") return [];
  const from = column > FRAME_WIDTH - 20 ? column - 40 : 0;
  const width = String(line).length;
  const row = (number: number, text: string): string =>
    `  ${String(number).padStart(width)} | ${printable(veiled(text).slice(from, from + FRAME_WIDTH))}`;
  const indent = current.slice(from, column - 1).replace(/[^\t]/g, " ");
  const room = Math.min(current.length, from + FRAME_WIDTH) - column + 1;
  const carets = "^".repeat(Math.max(1, Math.min(length, room)));
  const previous = lines[line - 2] ?? "";
  return [
    ...(previous.slice(from).trim() ? [row(line - 1, previous)] : []),
    row(line, current),
    `  ${" ".repeat(width)} | ${indent}${carets}`,
  ];
}

/** A password in a URL is shown to nobody; as long as it is, so that the carets stay where they are. */
const veiled = (text: string): string =>
  text.replace(/(?<=:\/\/[^\s/?#"'@:]*:)[^\s/?#"'@]+(?=@)|(?<=[?&]password=)[^\s&"']+/g, (found) =>
    "*".repeat(found.length),
  );

/** A file must not be able to write escapes to the terminal of who reads the error. */
const printable = (text: string): string =>
  text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "�");
