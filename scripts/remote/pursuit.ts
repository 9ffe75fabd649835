import { StringDecoder } from "node:string_decoder";
import { setTimeout as sleep } from "node:timers/promises";
import { EXIT } from "../core/errors.ts";
import type { Connection } from "./connection.ts";
import type { Frame } from "./frames.ts";
import { type Header, LINES } from "./header.ts";
import { type Line, type LineEnd, openLine } from "./line.ts";
import { isRefusal } from "./unreachable.ts";

/** One of the suite's commands, to be given on a host. */
export interface Call {
  /** `release/switch_current`: its place under `ops`. */
  command: string;
  /** Without `--manifest` and `--env`, which the host adds. */
  words: string[];
  /** Set for the command there, beside the overrides of seed 004 that are set here. */
  env?: Record<string, string>;
  /** What it prints, as it comes. */
  onOut: (text: string) => void;
  onErr: (text: string) => void;
  /** A command that only looks is run as it is: it ends with the connection. Default: it changes something, and outlives the connection. */
  isReading?: boolean;
}

/** How a call ended: its exit code, or that the connection was lost for good and the host goes on by itself. */
export type Ended = { exit: number; isLost?: false } | { isLost: true };

/** Milliseconds between two looks for a host that is lost, and for a host to forget a call. */
const AGAIN = 1000;
const FORGET = 5000;
/** Milliseconds from which on a connection counts as one that was up: one that fails at once does not prolong the search. */
const STEADY = 500;
/** How often the other end may fail, with a connection that is well. */
const FAILURES = 5;

/** It was not begun there, and never will be. */
export interface NotBegun {
  failed: LineEnd;
}

/** A call over as many connections as it takes: each goes on where the last one was lost. */
export class Pursuit {
  private readonly connection: Connection;
  private readonly header: Header;
  private readonly call: Call;
  private readonly decoders = { out: new StringDecoder("utf8"), err: new StringDecoder("utf8") };
  private readonly leaving = new AbortController();
  private line: Line | undefined;
  /** The host was asked for it: it may have begun. */
  private isAsked = false;
  /** It has begun. */
  private isBegun = false;
  private isOver = false;
  private failures = 0;
  private exit: number | undefined;
  /** When a connection was last known to be up. */
  private upAt = performance.now();
  private isLossTold = false;

  constructor(connection: Connection, header: Header, call: Call) {
    this.connection = connection;
    this.header = header;
    this.call = call;
  }

  private get name(): string {
    return this.connection.host.name;
  }

  async run(): Promise<Ended | NotBegun> {
    const interrupt = (name: NodeJS.Signals) => this.interrupt(name);
    process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
    try {
      return await this.pursue();
    } finally {
      process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    }
  }

  private async pursue(): Promise<Ended | NotBegun> {
    for (;;) {
      const since = performance.now();
      const end = await this.follow();
      const wasUp = end.isBegun && performance.now() - since > STEADY;
      if (wasUp) this.upAt = performance.now();
      if (this.exit !== undefined) return { exit: await this.finish(this.exit) };
      if (this.leaving.signal.aborted) return this.left();
      const failed = this.failed(end);
      if (failed) return failed;
      if (this.isOver || performance.now() - this.upAt > this.header.reconnectSec * 1000)
        return this.isAsked ? this.lost() : { failed: end };
      // Often it is back at once.
      if (!end.isBegun) this.tellLoss();
      await sleep(wasUp ? 0 : AGAIN, undefined, { signal: this.leaving.signal }).catch(() => undefined);
      if (this.leaving.signal.aborted) return this.left();
    }
  }

  /** One connection, to its end. */
  private async follow(): Promise<LineEnd> {
    const line = openLine(this.connection, (frame) => this.take(frame, line));
    this.line = line;
    const end = await line.ended;
    this.line = undefined;
    return end;
  }

  private take({ kind, data }: Frame, line: Line): void {
    if (kind === "hello") this.ask(line);
    if (kind === "begun") this.isBegun = true;
    if (kind === "bye") this.isOver = true;
    if (kind === "note") this.call.onErr(data.toString());
    if (kind === "out" || kind === "err") {
      this.header.offsets[kind] += data.length;
      this.print(kind, this.decoders[kind].write(data));
    }
    if (kind === "end") this.end(Number(data.toString()), line);
  }

  private ask(line: Line): void {
    if (this.isLossTold) this.call.onErr(`${this.name} is back\n`);
    this.isLossTold = false;
    this.isAsked = true;
    line.send(JSON.stringify(this.header));
  }

  private end(exit: number, line: Line): void {
    this.exit = exit;
    this.header.isDone = true;
    line.send(LINES.done);
    setTimeout(() => line.close(), FORGET).unref();
  }

  private print(kind: "out" | "err", text: string): void {
    if (text !== "") this.call[kind === "out" ? "onOut" : "onErr"](text);
  }

  /** All has arrived; where the host was not told so, it is told once more. */
  private async finish(exit: number): Promise<number> {
    for (const kind of ["out", "err"] as const) this.print(kind, this.decoders[kind].end());
    if (!this.isOver && !this.header.isReading) {
      const line = openLine(this.connection, ({ kind }) => void (kind === "hello" && this.ask(line)));
      const late = setTimeout(() => line.close(), FORGET);
      await line.ended;
      clearTimeout(late);
    }
    return exit;
  }

  /** What no second try makes better. */
  private failed(end: LineEnd): Ended | NotBegun | undefined {
    const isLine = end.status === 255 || end.status === null;
    if (this.header.isReading) return isLine || !this.isAsked ? { failed: end } : this.refused(end);
    if (!this.isAsked) return isLine && !isRefusal(end.said) ? undefined : { failed: end };
    if (isLine || end.status === 0) return undefined;
    if (!this.isBegun) return this.refused(end);
    if (++this.failures >= FAILURES) this.isOver = true;
    return undefined;
  }

  /** The host itself has said why not. */
  private refused({ status, said }: LineEnd): Ended {
    this.call.onErr(said);
    return { exit: status || EXIT.failed };
  }

  private tellLoss(): void {
    if (this.isLossTold) return;
    this.isLossTold = true;
    const how = this.isAsked ? "the connection was lost; what was begun goes on there" : "cannot be reached";
    this.call.onErr(`${this.name}: ${how}. Trying again for ${this.header.reconnectSec} s\n`);
  }

  private lost(): Ended {
    this.call.onErr(`${this.name}: still not there; what was begun goes on. ${this.howToSee()}\n`);
    return { isLost: true };
  }

  private left(): Ended {
    if (!this.isAsked || this.header.isReading) return { exit: EXIT.interrupted };
    this.call.onErr(`${this.name}: left to itself; what was begun goes on there. ${this.howToSee()}\n`);
    return { isLost: true };
  }

  private howToSee(): string {
    return `How it ends is told by the next command: deploy status ${this.header.environment}`;
  }

  private interrupt(name: NodeJS.Signals): void {
    if (this.header.isStopping || !this.isAsked) {
      this.leaving.abort();
      return this.line?.close();
    }
    this.header.isStopping = true;
    this.line?.send(LINES.stop);
    if (!this.header.isReading)
      this.call.onErr(`${name}: asking ${this.name} to stop; a second one leaves it to itself\n`);
  }
}
