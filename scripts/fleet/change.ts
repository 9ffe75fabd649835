import type { Host } from "../manifest/loaded.ts";
import { EXIT } from "../core/errors.ts";
import { writeOut } from "../terminal/output.ts";
import { reporter } from "../terminal/reporter.ts";
import { connectAll } from "./deploy.ts";
import { type Ending, exitOf, isDone, worstOf } from "./ending.ts";
import type { Fleet } from "./fleet.ts";
import type { Giving } from "./give.ts";
import { holdInterrupt } from "./interrupt.ts";
import { sayLost, valueOf } from "./look.ts";
import { asItIs, type Hosts } from "./real.ts";
import { type, typedHere } from "./typed.ts";

/** What a command did on each host, in turn. */
export interface Turns {
  endings: Map<Host, Ending>;
  exit: number;
}

/** One host after the other, up to the first failure or an interruption. */
export async function inTurn(fleet: Fleet, hosts: Host[], turn: { command: string; words: string[] }): Promise<Turns> {
  const endings = new Map<Host, Ending>();
  for (const host of hosts) {
    if (fleet.isInterrupted()) return { endings, exit: EXIT.interrupted };
    const ending = await fleet.give({ host, ...turn });
    endings.set(host, ending);
    if (!isDone(ending)) break;
  }
  return { endings, exit: worstOf([...endings.values()].map(exitOf)) };
}

/** Which hosts a command was done on, on which it failed, and which it did not come to; undefined: all is done. */
export function renderTurns(
  hosts: Host[],
  endings: Map<Host, Ending>,
  titleOf: (host: Host) => string,
): string | undefined {
  const named = (chosen: (ending: Ending | undefined) => boolean) =>
    hosts
      .filter((host) => chosen(endings.get(host)))
      .map(titleOf)
      .join(", ");
  const parts: [string, string][] = [
    ["done on", named((ending) => ending !== undefined && isDone(ending))],
    ["failed on", named((ending) => ending?.end === "exited" && !isDone(ending))],
    ["could not be begun on", named((ending) => ending?.end === "unreachable")],
    ["going on without us on", named((ending) => ending?.end === "lost")],
    ["not begun on", named((ending) => ending === undefined)],
  ];
  const some = parts.filter(([, names]) => names !== "");
  return some.length === 1 && some[0]?.[0] === "done on" ? undefined : some.map((part) => part.join(" ")).join("; ");
}

/**
 * A command that changes something. One host's output is passed on as it is. Several, when all are there: in turn, each line behind its host's name;
 * `--json` then gives one object, keyed by the hosts' names.
 */
export async function changeInTurn(giving: Giving): Promise<number> {
  const { hosts, name, typed, flags } = giving;
  if (hosts.hosts.length === 1) return changeOne(giving);
  await connectAll(hosts, hosts.hosts);
  const interrupt = holdInterrupt();
  const values: Record<string, unknown> = {};
  const give: Fleet["give"] = async (turn) => {
    if (!flags.json) return told(hosts, turn.host, hosts.give(turn, hosts.prefixed(turn.host, { out: 1, err: 2 })));
    const words = turn.words.filter((word) => word !== "--json");
    const { ending, value } = await hosts.ask({ ...turn, words });
    values[turn.host.name] = valueOf(ending, value);
    return told(hosts, turn.host, Promise.resolve(ending));
  };
  const fleet = { ...speaking(hosts), give, isInterrupted: interrupt.isInterrupted };
  const { endings, exit } = await inTurn(fleet, hosts.hosts, { command: name, words: typed.passed });
  interrupt.end();
  if (flags.json) writeOut(1, `${JSON.stringify(values, null, 2)}\n`);
  const summary = renderTurns(hosts.hosts, endings, (host) => hosts.titleOf(host));
  if (summary) writeOut(2, `${reporter().paint("red", "error:")} ${name}: ${summary}\n`);
  return exit;
}

async function told(hosts: Hosts, host: Host, given: Promise<Ending>): Promise<Ending> {
  const ending = await given;
  sayLost(hosts.titleOf(host), ending);
  return ending;
}

/** What a fleet says, and how it names its hosts. */
export const speaking = (hosts: Hosts): Pick<Fleet, "titleOf" | "typed" | "say" | "warn"> => ({
  titleOf: (host) => hosts.titleOf(host),
  typed: (host, line) => typedHere(hosts.loaded, host, line),
  say: (line) => reporter().say(line),
  warn: (line) => reporter().warn(line),
});

/** A command that changes something, on one host: its output as it is, and its exit code. */
export async function changeOne(giving: Giving): Promise<number> {
  const { hosts, name, typed } = giving;
  const host = hosts.hosts[0] as Host;
  return exitOfOne(giving, host, await hosts.give({ host, command: name, words: typed.passed }, asItIs()));
}

/** The host's exit code; where there is none, what is to be said of it. */
export function exitOfOne({ hosts, loaded, flags }: Giving, host: Host, ending: Ending): number {
  if (ending.end === "exited") return ending.exit;
  if (flags.json) writeOut(1, `${JSON.stringify(valueOf(ending, undefined))}\n`);
  sayLost(hosts.titleOf(host), ending);
  if (ending.end === "lost")
    writeOut(2, `The host goes on by itself.\nWhat to type:\n    ${type(loaded, "release/status", [], host)}\n`);
  return exitOf(ending);
}
