import { EXIT } from "../core/errors.ts";
import { writeOut } from "../terminal/output.ts";
import { reporter } from "../terminal/reporter.ts";
import type { Giving } from "./give.ts";
import type { HostOutcome } from "./switching.ts";
import { type, typedHere } from "./typed.ts";
import { jsonOf, renderOutcomes, verdictOf } from "./verdict.ts";

/** Says how a run on several hosts ended; answers with its exit code. */
export function conclude(
  { hosts, loaded, flags }: Pick<Giving, "hosts" | "loaded" | "flags">,
  { id, outcomes, isInterrupted }: { id: string; outcomes: HostOutcome[]; isInterrupted: boolean },
): number {
  const titleOf = (host: HostOutcome["host"]) => hosts.titleOf(host);
  // What a host says to type is said as it is typed here.
  const told = outcomes.map((one) => ({ ...one, next: one.next.map((line) => typedHere(loaded, one.host, line)) }));
  const verdict = verdictOf(told, {
    id,
    isInterrupted,
    titleOf,
    type: (command, words, host) => type(loaded, command, words, host),
  });
  const lines = renderOutcomes(told, id, titleOf);
  if (verdict.exit === EXIT.done) {
    reporter().say(`${reporter().paint("green", "✓")} ${id} is on ${count(outcomes.length)}`);
    for (const line of lines) reporter().say(line);
  } else {
    writeOut(2, `${reporter().paint("red", "error:")} ${verdict.error}\n${lines.map((line) => `${line}\n`).join("")}`);
    const next = [...new Set(verdict.next)];
    if (next.length > 0) writeOut(2, `What to type:\n${next.map((line) => `    ${line}\n`).join("")}`);
  }
  if (flags.json) writeOut(1, `${JSON.stringify(jsonOf(told, id, verdict), null, 2)}\n`);
  return verdict.exit;
}

const count = (hosts: number) => (hosts === 1 ? "1 host" : `${hosts} hosts`);
