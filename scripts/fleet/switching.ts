import type { Host } from "../manifest/loaded.ts";
import { EXIT } from "../core/errors.ts";
import { inBatches } from "./batches.ts";
import { type Ending, isDone } from "./ending.ts";
import type { Fleet } from "./fleet.ts";

/** What a run was for a host. */
export type Outcome =
  | "switched"
  | "has it already"
  | "not begun"
  /** Nothing that serves was touched. */
  | "failed"
  | "interrupted"
  | "unreachable"
  /** The host itself went back to what it had. */
  | "restored"
  /** We brought it back. */
  | "brought back"
  /** It had nothing before: its services are stopped. */
  | "stopped"
  | "stranded"
  | "lost"
  | "not brought back";

export interface HostOutcome {
  host: Host;
  outcome: Outcome;
  /** Of the last command there; null: none ended. */
  exit: number | null;
  /** The release that it had before. */
  previous: string | null;
  /** The one that it was switched to, as it said itself. */
  release?: string;
  ms: number;
  /** Why, in the host's own words. */
  reason?: string;
  /** What the host says to type. */
  next: string[];
}

/** A host that is to be switched, and what it has now. */
export interface Target {
  host: Host;
  previous: string | undefined;
}

export interface Switching {
  /** In their order; those that have the release already are not among them. */
  targets: Target[];
  command: string;
  words: string[];
  /** Hosts at a time. */
  size: number;
}

/**
 * Switches hosts batch by batch. The first failure, or an interruption, stops: no further batch begins, and the hosts that
 * switched are brought back to what they had, the last ones first.
 */
export async function switchHosts(fleet: Fleet, { targets, command, words, size }: Switching): Promise<HostOutcome[]> {
  const outcomes = new Map<Host, HostOutcome>(targets.map((target) => [target.host, notBegun(target)]));
  const batches = inBatches(targets, size);
  for (const [index, batch] of batches.entries()) {
    if (fleet.isInterrupted()) break;
    if (batches.length > 1) fleet.say(`Batch ${index + 1} of ${batches.length}: ${named(fleet, batch)}`);
    const ended = await Promise.all(
      batch.map(async (target) => outcomeOf(target, await fleet.give({ host: target.host, command, words }))),
    );
    for (const one of ended) outcomes.set(one.host, one);
    if (ended.some(({ outcome }) => outcome !== "switched")) break;
  }
  const all = () => targets.map(({ host }) => outcomes.get(host) as HostOutcome);
  if (all().every(({ outcome }) => outcome === "switched")) return all();
  for (const one of await bringBack(fleet, all(), size)) outcomes.set(one.host, one);
  return all();
}

const named = (fleet: Fleet, targets: readonly Target[]) => targets.map(({ host }) => fleet.titleOf(host)).join(", ");

const notBegun = ({ host, previous }: Target): HostOutcome => ({
  host,
  outcome: "not begun",
  exit: null,
  previous: previous ?? null,
  ms: 0,
  next: [],
});

/** A host as it was: it needs nothing. */
export const hadAlready = (host: Host, id: string): HostOutcome => ({
  host,
  outcome: "has it already",
  exit: null,
  previous: id,
  ms: 0,
  next: [],
});

const BY_EXIT: Record<number, Outcome> = {
  [EXIT.done]: "switched",
  [EXIT.restored]: "restored",
  [EXIT.stranded]: "stranded",
  [EXIT.interrupted]: "interrupted",
};

/** What a command that moves `current` did to a host. */
export function outcomeOf(target: Target, ending: Ending): HostOutcome {
  const base = { ...notBegun(target), ms: ending.ms };
  if (ending.end === "lost") return { ...base, outcome: "lost" };
  if (ending.end === "unreachable") return { ...base, outcome: "unreachable", reason: ending.message };
  const { exit, answer } = ending;
  const outcome = BY_EXIT[exit] ?? "failed";
  // Somebody else may have deployed since the hosts were looked at: what it is brought back to is what it really had.
  const previous = (outcome === "switched" && answer.previous) || base.previous;
  return {
    ...base,
    outcome,
    exit,
    previous,
    ...(outcome === "switched" && answer.release ? { release: answer.release } : {}),
    ...(answer.error ? { reason: answer.error } : {}),
    next: answer.next ?? [],
  };
}

/** Those that switched in this run, the last ones first; a failure of one keeps none of the others from being brought back. */
async function bringBack(fleet: Fleet, outcomes: HostOutcome[], size: number): Promise<HostOutcome[]> {
  const switched = outcomes.filter(({ outcome }) => outcome === "switched").toReversed();
  const done: HostOutcome[] = [];
  for (const batch of inBatches(switched, size))
    done.push(...(await Promise.all(batch.map((one) => bringOneBack(fleet, one)))));
  return done;
}

async function bringOneBack(fleet: Fleet, one: HostOutcome): Promise<HostOutcome> {
  const { host, previous, release } = one;
  fleet.say(
    previous === null
      ? `${fleet.titleOf(host)} had no release before: its services are stopped`
      : `${fleet.titleOf(host)} goes back to ${previous}`,
  );
  const ending = await fleet.give(
    previous === null
      ? { host, command: "service/stop", words: [] }
      : { host, command: "release/switch_current", words: [previous, ...(release ? ["--from", release] : [])] },
  );
  const ms = one.ms + ending.ms;
  if (isDone(ending)) return { ...one, outcome: previous === null ? "stopped" : "brought back", exit: EXIT.done, ms };
  const { exit, reason, next } = outcomeOf({ host, previous: previous ?? undefined }, ending);
  const told = reason ?? (ending.end === "lost" ? "the connection was lost" : undefined);
  return { ...one, outcome: "not brought back", exit, ms, next, ...(told ? { reason: told } : {}) };
}
