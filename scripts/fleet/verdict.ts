import { EXIT } from "../core/errors.ts";
import { seconds } from "../terminal/durations.ts";
import type { Host } from "../manifest/loaded.ts";
import { worstOf } from "./ending.ts";
import type { HostOutcome, Outcome } from "./switching.ts";

/** How a run on several hosts ended. */
export interface Verdict {
  exit: number;
  outcome: "done" | "failed" | "restored" | "stranded" | "interrupted";
  /** What went wrong, in one sentence; absent when it is done. */
  error?: string;
  /** What to type for which host. */
  next: string[];
}

/** A person has to look at these. */
const STRANDED: readonly Outcome[] = ["stranded", "lost", "not brought back"];
const BACK: readonly Outcome[] = ["restored", "brought back", "stopped"];
const FAILED: readonly Outcome[] = ["failed", "unreachable", "restored", "stranded", "lost"];

interface Run {
  /** The release that was to be everywhere. */
  id: string;
  isInterrupted: boolean;
  titleOf: (host: Host) => string;
  /** A command of the suite, as it is typed here for one host. */
  type: (command: string, words: string[], host: Host) => string;
}

/** The exit code and what is said of a run that switched hosts. */
export function verdictOf(outcomes: readonly HostOutcome[], run: Run): Verdict {
  const has = (wanted: readonly Outcome[]) => outcomes.filter(({ outcome }) => wanted.includes(outcome));
  if (has(["switched", "has it already"]).length === outcomes.length)
    return { exit: EXIT.done, outcome: "done", next: [] };
  const isStopped = run.isInterrupted || has(["interrupted"]).length > 0;
  const names = (wanted: HostOutcome[]) => wanted.map(({ host }) => run.titleOf(host)).join(", ");
  const [failed, stranded] = [has(FAILED), has(STRANDED)];
  const begun = failed.length > 0 ? `it failed on ${names(failed)}` : isStopped ? "it was interrupted" : "it failed";
  const exit = exitOf(outcomes, stranded.length > 0, isStopped, has(BACK).length > 0);
  return {
    exit,
    outcome: WORDS[exit] ?? "failed",
    error: `${run.id} is not on all hosts: ${begun}; ${restOf(outcomes, names(stranded))}`,
    next: stranded.flatMap((one) => nextOf(one, run)),
  };
}

const WORDS: Record<number, Verdict["outcome"]> = {
  [EXIT.restored]: "restored",
  [EXIT.stranded]: "stranded",
  [EXIT.interrupted]: "interrupted",
};

function exitOf(outcomes: readonly HostOutcome[], isStranded: boolean, isStopped: boolean, isBack: boolean): number {
  if (isStranded) return EXIT.stranded;
  if (isStopped) return EXIT.interrupted;
  if (isBack) return EXIT.restored;
  return worstOf(outcomes.flatMap(({ outcome, exit }) => (outcome === "unreachable" ? EXIT.failed : (exit ?? []))));
}

function restOf(outcomes: readonly HostOutcome[], stranded: string): string {
  if (stranded !== "") return `${stranded} ${stranded.includes(",") ? "need" : "needs"} a person`;
  const isTouched = outcomes.some(({ outcome }) => BACK.includes(outcome));
  return isTouched ? "every host is back at what it had" : "every host still has what it had";
}

/** What to type for a host that a person has to look at. */
function nextOf({ host, outcome, previous, next }: HostOutcome, { type }: Run): string[] {
  if (outcome === "lost") return [type("release/status", [], host), ...backLine(host, previous, type)];
  if (next.length > 0) return next;
  return outcome === "not brought back" ? backLine(host, previous, type) : [type("release/status", [], host)];
}

const backLine = (host: Host, previous: string | null, type: Run["type"]) =>
  previous === null ? [type("service/stop", [], host)] : [type("release/switch_current", [previous], host)];

/** One line for each host, for a person. */
export function renderOutcomes(
  outcomes: readonly HostOutcome[],
  id: string,
  titleOf: (host: Host) => string,
): string[] {
  const width = Math.max(...outcomes.map(({ host }) => titleOf(host).length));
  return outcomes.map((one) => `  ${titleOf(one.host).padEnd(width)}  ${sentenceOf(one, id)}`);
}

function sentenceOf({ outcome, previous, exit, ms, reason }: HostOutcome, id: string): string {
  const before = previous ?? "no release";
  const why = reason === undefined ? "" : `: ${reason.split("\n")[0]}`;
  const sentences: Record<Outcome, string> = {
    switched: `${id}, before ${before} (${seconds(ms)})`,
    "has it already": `${id}, as before`,
    "not begun": `${before}, as before: not begun`,
    failed: `${before}, as before: it failed with exit code ${exit}${why}`,
    interrupted: `${before}: stopped before it was done`,
    unreachable: `${before}, as before: it could not be reached${why}`,
    restored: `${before} again: ${id} failed here, and the host went back by itself${why}`,
    "brought back": `${before} again: it was brought back`,
    stopped: `no release served before: its services are stopped, and current still names ${id}`,
    stranded: `needs a person: it failed, and could not go back${why}`,
    lost: `the connection was lost: the host goes on by itself, and is ${id} or ${before} in the end`,
    "not brought back": `${id} still: it could not be brought back to ${before}${why}`,
  };
  return sentences[outcome];
}

/** A run as `--json` gives it; `duration_ms` is that of the commands on the host. */
export function jsonOf(outcomes: readonly HostOutcome[], id: string, { exit, outcome, error, next }: Verdict): object {
  return {
    release: id,
    hosts: outcomes.map((one) => ({
      host: one.host.name,
      outcome: one.outcome,
      exit: one.exit,
      previous: one.previous,
      duration_ms: Math.round(one.ms),
      ...(one.reason === undefined ? {} : { reason: one.reason }),
    })),
    outcome,
    exit,
    ...(error === undefined ? {} : { error, next }),
  };
}
