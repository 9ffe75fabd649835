import { performance } from "node:perf_hooks";
import { SwitchbackError } from "../core/errors.ts";
import type { Host, LoadedManifest } from "../manifest/loaded.ts";
import { callThere } from "../remote/call.ts";
import { type Connection, connect } from "../remote/connection.ts";
import { writeOut } from "../terminal/output.ts";
import { reporter } from "../terminal/reporter.ts";
import { titlesOf } from "./chosen.ts";
import type { Ending } from "./ending.ts";
import type { Turn } from "./fleet.ts";
import { Prefixed, prefixOf } from "./prefix.ts";
import { type } from "./typed.ts";
import { parseJson } from "../text/json.ts";

/** Where the output of a command on a host goes. */
export interface Show {
  onOut: (text: string) => void;
  onErr: (text: string) => void;
  end?: () => void;
}

/** As it comes, byte by byte. */
export const asItIs = (): Show => ({ onOut: (text) => writeOut(1, text), onErr: (text) => writeOut(2, text) });

/** The hosts of one environment, each looked at once. */
export class Hosts {
  readonly loaded: LoadedManifest;
  readonly hosts: Host[];
  private readonly titles: Map<Host, string>;
  private readonly connections = new Map<Host, Promise<Connection>>();

  constructor(loaded: LoadedManifest, hosts: Host[]) {
    this.loaded = loaded;
    this.hosts = hosts;
    this.titles = titlesOf(hosts);
  }

  titleOf(host: Host): string {
    return this.titles.get(host) ?? host.name;
  }

  /** @throws UnreachableError */
  connect(host: Host): Promise<Connection> {
    const found = this.connections.get(host) ?? connect(this.loaded, host);
    this.connections.set(host, found);
    return found;
  }

  /** What a host is since it was changed. */
  know(connection: Connection): void {
    this.connections.set(connection.host, Promise.resolve(connection));
  }

  /** A command that only looks tells by itself whether the host is there; only `~` has to be asked for. */
  private assume(host: Host): Connection | undefined {
    const written = this.loaded.manifest.deploy_to;
    if (!written.startsWith("/")) return undefined;
    const deployTo = written.replace(/(?<=.)\/+$/, "");
    const tree = { hasTree: true, hasRsync: true, suites: [], currentId: undefined };
    return { host, deployTo, platform: "linux-x64", hostname: host.name, ...tree };
  }

  /** Whole lines of a host behind its name. */
  prefixed(host: Host, fd: { out: 1 | 2; err: 1 | 2 }): Required<Show> {
    const prefix = reporter().paint("cyan", prefixOf(this.titleOf(host), this.titles.values()));
    const [out, err] = [fd.out, fd.err].map((one) => new Prefixed(prefix, (text) => writeOut(one, text))) as [
      Prefixed,
      Prefixed,
    ];
    return {
      onOut: (text) => out.add(text),
      onErr: (text) => err.add(text),
      end: () => {
        out.end();
        err.end();
      },
    };
  }

  /** Gives a command, and answers with how it ended; never rejects for what a host can do wrong. */
  async give({ host, command, words }: Turn, show: Show, isReading = false): Promise<Ending> {
    const since = performance.now();
    const took = () => performance.now() - since;
    try {
      const known = this.connections.has(host) || !isReading ? undefined : this.assume(host);
      const connection = known ?? (await this.connect(host));
      const { onOut, onErr } = show;
      const ended = await callThere(connection, this.loaded, { command, words, onOut, onErr, isReading });
      return ended.isLost ? { end: "lost", ms: took() } : { end: "exited", exit: ended.exit, answer: {}, ms: took() };
    } catch (error) {
      if (!(error instanceof SwitchbackError)) throw error;
      // What is no lack of a connection was refused here: nothing was begun either.
      const { message, output } = error;
      const next = error.next.map((line) =>
        line.startsWith("deploy setup ") ? type(this.loaded, "host/setup", [], host) : line,
      );
      return { end: "unreachable", message, output, next, ms: took() };
    } finally {
      show.end?.();
    }
  }

  /** Gives a command that answers with JSON on its standard output; what it tells meanwhile is shown behind the host's name. */
  async ask(turn: Turn, { isReading = false, fd = 2, isShown = true }: Asking = {}): Promise<Asked> {
    let out = "";
    let err = "";
    const shown = this.prefixed(turn.host, { out: fd, err: fd });
    const show: Show = {
      onOut: (text) => void (out += text),
      onErr: (text) => (isShown ? shown.onErr(text) : void (err += text)),
      end: shown.end,
    };
    const ending = await this.give({ ...turn, words: ["--json", ...turn.words] }, show, isReading);
    const value = parseJson(out);
    // What is told beside an answer is for a person: a call that ended while nobody followed it, a clock.
    if (!isShown && err !== "" && value !== undefined && !(isRecord(value) && "error" in value)) {
      const told = this.prefixed(turn.host, { out: 2, err: 2 });
      told.onErr(err);
      told.end();
    }
    if (ending.end !== "exited") return { ending, value, err };
    return { ending: { ...ending, answer: isRecord(value) ? value : {} }, value, err };
  }
}

interface Asking {
  isReading?: boolean;
  /** Where what it tells meanwhile is shown; default: standard error. */
  fd?: 1 | 2;
  /** Default: true; else it is in the answer. */
  isShown?: boolean;
}

/** What a host answered, and what it told. */
export interface Asked {
  ending: Ending;
  value: unknown;
  err: string;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
