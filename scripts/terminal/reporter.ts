import fs from "node:fs";
import { styleText } from "node:util";
import { seconds } from "./durations.ts";
import { fit } from "./fit.ts";
import { type Bar, lastWritten, renderMoving } from "./moving-line.ts";
import { hasTerminal, writeOut } from "./output.ts";
import type { Progress } from "./progress.ts";
import type { Step } from "../core/step.ts";

type Style = Parameters<typeof styleText>[0];

export interface ReporterOptions {
  /** Nothing but warnings and errors. */
  isQuiet?: boolean;
  /** The answer on standard output is one JSON value: what is said goes to standard error. */
  isJson?: boolean;
  isVerbose?: boolean;
  isTerminal?: boolean;
  hasColour?: boolean;
  /** Columns of the terminal as it is now; 0 or undefined: it does not say. */
  columns?: () => number | undefined;
}

const ERASE = "\r\u001b[K";
const DRAW_EVERY = 100;
/** What a terminal has that does not say how wide it is. */
const USUAL_COLUMNS = 80;
/** A line of output that does not end is held back up to so many characters. */
const LONGEST_LINE = 4096;

/** Tells a person what happens: timed plain lines in a log or a pipe, one moving line on a terminal. */
export class Reporter {
  private readonly fd: 1 | 2;
  private readonly options: ReporterOptions;
  private logFd: number | undefined;
  /** The log of the operation at work. */
  logPath: string | undefined;
  private bar: Bar | undefined;
  private progress: Progress | undefined;
  /** A pipe's last line has no end yet. */
  private isMidLine = false;
  /** Output of a command whose line has no end yet; on a terminal the moving line stays in its place. */
  private held = "";

  constructor(options: ReporterOptions) {
    this.options = options;
    this.fd = options.isJson ? 2 : 1;
  }

  paint(style: Style, text: string): string {
    return this.options.hasColour ? styleText(style, text, { validateStream: false }) : text;
  }

  /** From here on all that is said goes into the operation's log as well. */
  logTo(file: string): void {
    this.logPath = file;
    this.logFd = fs.openSync(file, "a", 0o600);
  }

  /** A line for the person, unless `--quiet`. */
  say(line: string): void {
    this.log(line);
    if (!this.options.isQuiet) this.print(`${line}\n`, this.fd);
  }

  /** A line that only `--verbose` shows; the log has it always. */
  detail(line: string): void {
    this.log(`  ${line}`);
    if (this.options.isVerbose) this.print(`  ${this.paint("dim", line)}\n`, this.fd);
  }

  /** A timed line for the log, and for who reads a pipe: on a terminal the moving line says it. */
  note(line: string): void {
    const timed = `${timeOfDay()} ${line}`;
    this.log(timed);
    if (!this.options.isQuiet && !this.options.isTerminal) this.print(`${timed}\n`, this.fd);
  }

  warn(line: string): void {
    this.log(`warning: ${line}`);
    this.print(`${this.paint("yellow", "warning:")} ${line}\n`, 2);
  }

  /** Output of a command that runs; it is in the log already. */
  output(text: string): void {
    if (this.options.isQuiet) return;
    if (this.options.isTerminal) return this.outputWholeLines(text);
    writeOut(this.fd, text);
    this.isMidLine = !text.endsWith("\n");
  }

  /** How long the steps to come will take; asked for only where there is a moving line to show it. */
  foresee(ask: () => Progress | undefined): void {
    this.progress = this.hasBar() ? ask() : undefined;
  }

  /** A step begins; one that was not foreseen, such as those that undo a failure, ends the counting. */
  begin(title: string, step?: Step): void {
    if (!this.hasBar()) return;
    if (step && !this.progress?.has(step)) this.progress = undefined;
    const timer = setInterval(() => this.draw(), DRAW_EVERY);
    timer.unref();
    this.bar = { title, since: performance.now(), step, timer, drawn: "" };
    this.draw();
  }

  /** What the step at work waits for, on the moving line; asked again whenever it is drawn. */
  waitFor(note: () => string): void {
    if (this.bar) this.bar.note = note;
    this.draw();
  }

  end(title: string, ms: number, outcome: "done" | "minor" | "failed"): void {
    this.takeAway();
    const mark = outcome === "failed" ? this.paint("red", "✗") : this.paint("green", "✓");
    const line = `${mark} ${title} ${this.paint("dim", `(${seconds(ms)})`)}`;
    const isShown = outcome === "minor" ? this.options.isVerbose : !this.options.isQuiet;
    const indent = outcome === "minor" ? "  " : "";
    const stamp = this.options.isTerminal ? "" : `${timeOfDay()} `;
    this.log(`${indent}${timeOfDay()} ${line}`);
    if (isShown) this.print(`${indent}${stamp}${line}\n`, this.fd);
  }

  /** A foreseen step is behind: done, or nothing had to be done. */
  pass(step: Step): void {
    this.progress?.pass(step);
  }

  /** Ends the moving line without a word. */
  takeAway(): void {
    this.erase();
    clearInterval(this.bar?.timer);
    this.bar = undefined;
  }

  private hasBar(): boolean {
    return this.options.isTerminal === true && !this.options.isQuiet;
  }

  private outputWholeLines(text: string): void {
    const lines = (this.held + text).split("\n");
    const rest = lines.pop() ?? "";
    const isTooLong = rest.length > LONGEST_LINE;
    const whole = [...lines, ...(isTooLong ? [rest] : [])];
    this.held = "";
    if (whole.length > 0)
      this.print(whole.map((line) => `${this.paint("dim", lastWritten(line))}\n`).join(""), this.fd);
    this.held = isTooLong ? "" : rest;
  }

  private draw(): void {
    if (!this.bar) return;
    // A last column that is written to wraps on some terminals.
    const columns = (this.options.columns?.() || USUAL_COLUMNS) - 1;
    const text = fit(this.barText(this.bar, columns), columns);
    if (text === this.bar.drawn) return;
    writeOut(this.fd, `${ERASE}${text}`);
    this.bar.drawn = text;
  }

  private barText({ title, since, step, note }: Bar, columns: number): string {
    const elapsedMs = performance.now() - since;
    const estimate = step && this.progress?.at(step, elapsedMs);
    return renderMoving({ title, elapsedMs, estimate, note: note?.() }, columns);
  }

  private erase(): void {
    if (this.bar?.drawn) writeOut(this.fd, ERASE);
    if (this.bar) this.bar.drawn = "";
    const { held } = this;
    this.held = "";
    if (held) writeOut(this.fd, `${this.paint("dim", lastWritten(held))}\n`);
    if (this.isMidLine) writeOut(this.fd, "\n");
    this.isMidLine = false;
  }

  private print(text: string, fd: 1 | 2): void {
    this.erase();
    writeOut(fd, text);
    this.draw();
  }

  private log(line: string): void {
    if (this.logFd === undefined) return;
    try {
      fs.writeSync(this.logFd, `${line.replaceAll(/\u001b\[[0-9;]*m/g, "")}\n`);
    } catch {
      // A full disk must not stop a rollback; the terminal was told.
    }
  }
}

const timeOfDay = () => new Date().toISOString().slice(11, 19);

let current = new Reporter({});

/** The reporter of this process. */
export const reporter = () => current;

/** Sets the reporter of this process, from the command line's flags and the kind of standard output. */
export function setReporter(
  flags: { quiet?: boolean; json?: boolean; verbose?: boolean },
  env: NodeJS.ProcessEnv,
): void {
  const isTerminal = hasTerminal(1) && env["TERM"] !== "dumb";
  const isColoured = isTerminal && (env["NO_COLOR"] ?? "") === "";
  current = new Reporter({
    isQuiet: flags.quiet === true,
    isVerbose: flags.verbose === true,
    isJson: flags.json === true,
    isTerminal: isTerminal && flags.json !== true,
    hasColour: isColoured && flags.json !== true,
    columns: () => process.stdout.columns,
  });
}
