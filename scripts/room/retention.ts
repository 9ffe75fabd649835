import type { TreeFacts } from "../core/observe.ts";
import type { BackupFact } from "../database/backups.ts";
import type { DependencyUse } from "../dependencies/unused.ts";
import type { OwnImage } from "../podman/look.ts";
import { isGood, type ReleaseRow } from "../registry/releases.ts";
import { showAge } from "../text/amounts.ts";
import { goodBefore } from "../release/rollback.ts";

/** How many good releases stay in all, and for how many days each does that was built or served; 0 days: only the count decides. */
export interface Retention {
  keep: number;
  days: number;
}

export interface PruneFacts {
  tree: TreeFacts;
  /** Releases that something needs, such as a process that works in one or has files of it open: id → who. */
  used: Map<string, string>;
  /** The dependency sets, and which releases refer to each. */
  deps: DependencyUse;
  /** Releases whose files an earlier removal could not remove. */
  removing?: string[];
  /** Uploads that broke off long ago: absolute. */
  uploads?: string[];
  /** Versions of the suite that nothing needs any more: absolute. */
  suites?: string[];
  /** Backups of the database, the newest first. */
  backups?: BackupFact[];
  /** Images of containers that were built for this tree, each with its release. */
  images?: OwnImage[];
  /** To when ages are counted; default: the tree's own time. */
  ageAt?: Date;
}

/** Why a release stays or goes. */
export interface Verdict {
  id: string;
  goes: boolean;
  why: string;
}

type Reasons = Map<string, string>;

const DAY = 86_400_000;

/**
 * Judges each release by what happened to it, not by its date: `keep` good ones stay in all; so do current, the one before it,
 * pinned ones, those in use, and those that the registry does not know. Of the built ones that never ran, the newest `keep` stay.
 * Beyond that an age can only keep a release, never take one that the count keeps.
 */
export function judge(facts: PruneFacts, { keep, days }: Retention): Verdict[] {
  const { tree, used } = facts;
  const standing = new Set(tree.ids);
  const present = [...tree.rows.values()].filter((row) => standing.has(row.release_id));
  const reasons: Reasons = new Map();
  const say = (id: string | undefined, why: string) => id !== undefined && !reasons.has(id) && reasons.set(id, why);
  say(tree.current.releaseId, "it is current");
  say(goodBefore(tree), "it is the good one before current");
  say(tree.rows.get(tree.current.releaseId ?? "")?.previous_release_id ?? undefined, "current replaced it");
  for (const row of present) if (row.is_pinned) say(row.release_id, "it is pinned");
  for (const [id, who] of used) say(id, `it is in use by ${who}`);
  keepGood(present, reasons, keep);
  for (const row of present)
    if (!isOurs(row)) say(row.release_id, "it was not built here and never served: it is left alone");
  for (const row of present.filter(isWaiting).slice(0, keep))
    say(row.release_id, "it is built and was not deployed yet");
  const ageOf = (row: ReleaseRow) => (facts.ageAt ?? tree.now).getTime() - Date.parse(row.updated_at);
  if (days > 0)
    for (const row of present)
      if (isUseful(row) && ageOf(row) < days * DAY) say(row.release_id, youth(row, ageOf(row), days));
  const known = present.map((row) => verdict(row, reasons.get(row.release_id), days > 0 ? ageOf(row) : undefined));
  const unknown = tree.ids.filter((id) => !tree.rows.has(id));
  return [
    ...known,
    ...unknown.map((id) => ({ id, goes: false, why: "the registry does not know it: it is left alone" })),
  ];
}

/** The latest good ones, until there are `keep` with those that stay anyway. */
function keepGood(present: ReleaseRow[], reasons: Reasons, keep: number): void {
  const good = present
    .filter(({ status }) => isGood(status))
    .toSorted((a, b) => (b.activation ?? 0) - (a.activation ?? 0));
  let kept = good.filter((row) => reasons.has(row.release_id)).length;
  for (const row of good) {
    if (kept >= keep) return;
    if (reasons.has(row.release_id)) continue;
    reasons.set(row.release_id, `it is one of the ${keep} good ones to keep`);
    kept++;
  }
}

/** Built, or on its way when it was cut off. */
const isWaiting = ({ status }: ReleaseRow) =>
  status === "built" || status === "deploying" || status === "rollback_in_progress";

/** A failed one is kept for no age: there is nothing to go back to in it. */
const isUseful = (row: ReleaseRow) => isGood(row.status) || isWaiting(row);

/** Made by switchback, which records its size, or known by having served. */
const isOurs = (row: ReleaseRow) => row.bytes !== null || row.activation !== null;

const used = (row: ReleaseRow) => (row.activation === null ? "was built" : "last served");

// A time that is still to come is one that a clock wrote which was ahead.
const ago = (age: number) => (age < 0 ? "after what the clock says now" : `${showAge(age)} ago`);

const youth = (row: ReleaseRow, age: number, days: number) =>
  `it ${used(row)} ${ago(age)}, within the ${days} days to keep`;

function verdict(row: ReleaseRow, stays: string | undefined, age: number | undefined): Verdict {
  if (stays !== undefined) return { id: row.release_id, goes: false, why: stays };
  const old = age === undefined ? "" : `: it ${used(row)} ${ago(age)}`;
  return {
    id: row.release_id,
    goes: true,
    why: isUseful(row) ? `older than the good ones to keep${old}` : `it is ${row.status}`,
  };
}
