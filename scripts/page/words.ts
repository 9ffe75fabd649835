import type { ListedOperation } from "../api/reader.ts";
import { type ReleaseRow, isServing } from "../registry/releases.ts";
import type { ReleaseStatus } from "../core/step.ts";
import type { Shape } from "./shapes.ts";

/** Something that happened, in words, in a colour and in a shape: none of the three is needed to understand the other two. */
export interface Verdict {
  words: string;
  tone: "good" | "bad" | "odd" | "busy" | "calm";
  shape: Shape;
}

const STATUSES: Record<ReleaseStatus, Verdict> = {
  building: { words: "being built", tone: "busy", shape: "work" },
  built: { words: "built, not deployed", tone: "calm", shape: "ring" },
  build_failed: { words: "build failed", tone: "bad", shape: "cross" },
  deploying: { words: "taking over", tone: "busy", shape: "work" },
  deployed: { words: "deployed", tone: "good", shape: "check" },
  replaced: { words: "served, replaced", tone: "calm", shape: "check" },
  deploy_failed: { words: "deploy failed", tone: "bad", shape: "cross" },
  rollback_in_progress: { words: "being rolled back to", tone: "busy", shape: "work" },
  rolled_back: { words: "rolled back to", tone: "good", shape: "back" },
  rollback_failed: { words: "rollback failed", tone: "bad", shape: "cross" },
  rollback_target_missing: { words: "was missing for a rollback", tone: "odd", shape: "warning" },
  replaced_by_rollback: { words: "left by a rollback", tone: "odd", shape: "back" },
  pruned: { words: "pruned", tone: "calm", shape: "ring" },
};

/** Hosts that run a release, of all that there are. */
interface Reach {
  on: number;
  of: number;
  /** It is current there, and its services are seen not to run. */
  isStopped?: boolean;
}

/** How a release stands. The link of a host that names it wins over what the registry has. */
export function verdictOfRelease(
  { status }: Pick<ReleaseRow, "status">,
  { on, of, isStopped = false }: Reach,
): Verdict {
  const known = STATUSES[status] ?? unknown(status);
  if (on === 0) return known;
  if (isStopped) return { words: "is current, and does not serve", tone: "bad", shape: "warning" };
  return { words: wordsOfRunning(status, known, { on, of }), tone: "good", shape: "disc" };
}

function wordsOfRunning(status: string, known: Verdict, { on, of }: Reach): string {
  if (on < of) return `runs on ${on} of ${of} hosts`;
  if (!isServing(status)) return `runs; the registry has it as: ${known.words}`;
  return status === "rolled_back" ? "runs, by a rollback" : "runs";
}

const OUTCOMES: Record<string, Verdict> = {
  done: { words: "done", tone: "good", shape: "check" },
  failed: { words: "failed; what served was not touched", tone: "bad", shape: "cross" },
  refused: { words: "refused; nothing was touched", tone: "odd", shape: "warning" },
  restored: { words: "failed; what was before is restored", tone: "bad", shape: "back" },
  stranded: { words: "failed and not restored: a person is needed", tone: "bad", shape: "cross" },
  interrupted: { words: "interrupted", tone: "odd", shape: "warning" },
  unrecovered: { words: "cut off and not recovered: a person is needed", tone: "bad", shape: "cross" },
};

/** How an operation ended; null: it is at work. */
export const verdictOfOperation = (outcome: string | null): Verdict =>
  outcome === null ? AT_WORK : (OUTCOMES[outcome] ?? unknown(outcome));

const AT_WORK: Verdict = { words: "at work", tone: "busy", shape: "work" };

const STEPS: Record<string, Verdict> = {
  done: { words: "done", tone: "good", shape: "check" },
  already: { words: "was so already", tone: "calm", shape: "ring" },
  failed: { words: "failed", tone: "bad", shape: "cross" },
};

const CUT_OFF: Verdict = { words: "cut off", tone: "odd", shape: "warning" };

/** How a step ended; null: it is at work, or was when its operation (`of`) was cut off. */
export function verdictOfStep(outcome: string | null, of: Pick<ListedOperation, "outcome">): Verdict {
  if (outcome !== null) return STEPS[outcome] ?? unknown(outcome);
  return of.outcome === null ? AT_WORK : CUT_OFF;
}

// A word that a later version of the suite has written.
const unknown = (word: string): Verdict => ({ words: word, tone: "calm", shape: "ring" });

const KINDS: Record<string, string> = {
  deploy: "Deploy of",
  build: "Build of",
  switch: "Switch to",
  rollback: "Rollback to",
};

/** `Deploy of v2`, `Prune`: what an operation is, for a heading. */
export function titleOfOperation({ kind, release_id }: { kind: string; release_id: string | null }): string {
  const [first = "", ...rest] = kind.replaceAll("_", " ");
  const plain = `${first.toUpperCase()}${rest.join("")}`;
  return release_id === null ? plain : `${KINDS[kind] ?? `${plain}:`} ${release_id}`;
}
