import fs from "node:fs";
import { isatty } from "node:tty";
import { styleText } from "node:util";
import { writeOut } from "./output.ts";

type Style = Parameters<typeof styleText>[0];

export interface ReporterOptions {
  /** Nothing but warnings and errors. */
  isQuiet?: boolean;
  /** The answer on standard output is one JSON value: what is said goes to standard error. */
  isJson?: boolean;
  isVerbose?: boolean;
  isTerminal?: boolean;
  hasColour?: boolean;
}

/** Tells a person what happens: timed plain lines in a log or a pipe, one moving line on a terminal. */
export class Reporter {
  private readonly fd: 1 | 2;
  private readonly options: ReporterOptions;
  private logFd: number | undefined;
  /** The log of the operation at work. */
  logPath: string | undefined;
  private bar: { title: string; since: number; expectedMs: number | undefined; timer: NodeJS.Timeout } | undefined;
  private isMidLine = false;

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

  warn(line: string): void {
    this.log(`warning: ${line}`);
    this.print(`${this.paint("yellow", "warning:")} ${line}\n`, 2);
  }

  /** Output of a command that runs; it is in the log already. */
  output(text: string): void {
    if (this.options.isQuiet) return;
    this.print(this.paint("dim", text), this.fd);
    this.isMidLine = !text.endsWith("\n");
  }

  /** A step begins; `expectedMs` is its median in this tree's history. */
  begin(title: string, expectedMs?: number): void {
    if (this.options.isQuiet || !this.options.isTerminal) return;
    const timer = setInterval(() => this.draw(), 100);
    timer.unref();
    this.bar = { title, since: performance.now(), expectedMs, timer };
    this.draw();
  }

  end(title: string, ms: number, outcome: "done" | "minor" | "failed"): void {
    this.erase();
    clearInterval(this.bar?.timer);
    this.bar = undefined;
    const mark = outcome === "failed" ? this.paint("red", "✗") : this.paint("green", "✓");
    const line = `${this.stamp()}${mark} ${title} ${this.paint("dim", `(${seconds(ms)})`)}`;
    if (outcome === "minor") this.detail(line);
    else this.say(line);
  }

  private stamp(): string {
    return this.options.isTerminal ? "" : `${new Date().toISOString().slice(11, 19)} `;
  }

  private draw(): void {
    if (!this.bar) return;
    const elapsed = performance.now() - this.bar.since;
    const { expectedMs, title } = this.bar;
    const left = expectedMs === undefined ? undefined : Math.max(0, expectedMs - elapsed);
    const eta = left === undefined ? "" : `, about ${seconds(left)} left`;
    this.erase();
    writeOut(this.fd, `… ${title} (${seconds(elapsed)}${eta})`);
  }

  private erase(): void {
    if (this.bar) writeOut(this.fd, this.isMidLine ? "\n" : "\r\u001b[K");
    this.isMidLine = false;
  }

  private print(text: string, fd: 1 | 2): void {
    this.erase();
    writeOut(fd, text);
    if (text.endsWith("\n")) this.draw();
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

/** `0.34 s`, `12 s`, `3 m 20 s`. */
export function seconds(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return `${Math.floor(ms / 60_000)} m ${Math.round((ms % 60_000) / 1000)} s`;
}

let current = new Reporter({});

/** The reporter of this process. */
export const reporter = () => current;

/** Sets the reporter of this process, from the command line's flags and the kind of standard output. */
export function setReporter(
  flags: { quiet?: boolean; json?: boolean; verbose?: boolean },
  env: NodeJS.ProcessEnv,
): void {
  // process.stdout would make a pipe non-blocking, for a program that takes this one's place as well.
  const isTerminal = isatty(1) && env["TERM"] !== "dumb";
  const isColoured = isTerminal && (env["NO_COLOR"] ?? "") === "";
  current = new Reporter({
    isQuiet: flags.quiet === true,
    isVerbose: flags.verbose === true,
    isJson: flags.json === true,
    isTerminal: isTerminal && flags.json !== true,
    hasColour: isColoured && flags.json !== true,
  });
}
