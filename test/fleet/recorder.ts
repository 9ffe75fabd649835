import type { Ending } from "../../scripts/fleet/ending.ts";
import type { Fleet, Turn } from "../../scripts/fleet/fleet.ts";
import type { Host } from "../../scripts/manifest/loaded.ts";

/** How a command ends: its exit code, or what there was no code of. */
export type Given = number | "lost" | "unreachable" | Ending;

export const hostsCalled = (...names: string[]): Host[] => names.map((name) => ({ name, destination: name }));

/** `web1: release/switch_current r2` */
export const lineOf = ({ host, command, words }: Turn) => `${host.name}: ${command} ${words.join(" ")}`;

/** Hosts that only remember what they were given; what is not in `ends` is done. Ctrl-C comes with command number `stopAfter`. */
export function recorder(ends: Record<string, Given>, stopAfter = 0) {
  const [given, said]: [string[], string[]] = [[], []];
  const fleet: Fleet = {
    titleOf: ({ name }) => name,
    give: async (turn) => {
      given.push(lineOf(turn));
      return endingOf(ends[lineOf(turn)] ?? 0);
    },
    say: (line) => void said.push(line),
    warn: (line) => void said.push(`warning: ${line}`),
    isInterrupted: () => stopAfter > 0 && given.length >= stopAfter,
  };
  return { ...fleet, given, said };
}

function endingOf(given: Given): Ending {
  if (given === "lost") return { end: "lost", ms: 1 };
  if (given === "unreachable") return { end: "unreachable", message: "no route", output: [], next: [], ms: 1 };
  return typeof given === "number" ? { end: "exited", exit: given, answer: {}, ms: 1 } : given;
}
