import fs from "node:fs";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { observeTree, type TreeFacts } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import { releasePath, recordedManifestPath, removingPath } from "../core/paths.ts";
import type { Plan, Step } from "../core/step.ts";
import { usersOfPath } from "../service/processes.ts";
import type { ReleaseRow } from "../registry/releases.ts";
import { isGood } from "../registry/releases.ts";
import { goodBefore } from "./rollback.ts";

export interface PruneArgs {
  keep?: number | undefined;
}

export interface PruneFacts {
  tree: TreeFacts;
  /** Releases in which a running process works, or whose files it runs or has open: id → who. */
  used: Map<string, string>;
}

/** Why a release stays or goes. */
export interface Verdict {
  id: string;
  goes: boolean;
  why: string;
}

/** `ops/release/prune.ts [--keep N]`: removes old releases; cron calls it. */
export const prune: Operation<PruneFacts, PruneArgs> = {
  kind: "prune",
  mayUseReserve: true,
  observe: (context) => observePrune(context, observeTree(context.paths)),
  plan(context, facts, args) {
    const keep = args.keep ?? context.manifest.keep_releases;
    const notes = judge(facts, keep).map(({ id, goes, why }) => `${goes ? "goes " : "stays"}  ${id}  ${why}`);
    return [{ ...planPrune(context, facts, keep), notes }];
  },
};

/** Looks which releases are in use. */
export function observePrune({ paths }: Context, tree: TreeFacts): PruneFacts {
  const used = new Map<string, string>();
  if (!tree.isTree) return { tree, used };
  const releases = fs.realpathSync(paths.releases);
  for (const { pid, command, file } of usersOfPath(releases)) {
    const id = file.slice(releases.length + 1).split(/[/ ]/)[0];
    if (id) used.set(id, `pid ${pid} (${command.slice(0, 60)})`);
  }
  return { tree, used };
}

/** Reads a `--keep`. @throws UsageError unless it is a whole number of at least 1. */
export function keepOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError(`--keep wants a whole number of at least 1, not ${JSON.stringify(text)}`, {
    next: "ops/release/prune.ts --keep 5",
  });
}

/** Takes each release that goes out of `releases` by one rename, records it, and removes its files. */
export function planPrune(context: Context, facts: PruneFacts, keep: number): Plan {
  const verdicts = judge(facts, keep);
  const going = verdicts.filter(({ goes }) => goes);
  return {
    title: `Prune to ${keep} good releases`,
    steps: going.flatMap(({ id }) => removal(context, facts, id)),
    discard: [],
    revert: [],
    done: going.length > 0 ? `Removed ${going.length} of ${verdicts.length} releases.` : "Nothing to remove.",
  };
}

function removal(context: Context, { tree }: PruneFacts, id: string): Step[] {
  const { paths, overrides } = context;
  const removing = removingPath(paths, id);
  const sha = tree.rows.get(id)?.commit_sha ?? "";
  const record: Step[] = overrides.isRegistrySkipped
    ? []
    : [{ kind: "record", title: `Record ${id} as pruned`, releaseId: id, sha, status: "pruned" }];
  return [
    { kind: "move", title: `Take ${id} out of releases`, from: releasePath(paths, id), to: removing },
    ...record,
    { kind: "remove", title: `Remove the files of ${id}`, path: removing },
    { kind: "remove", title: `Remove the manifest kept for ${id}`, path: recordedManifestPath(paths, id) },
  ];
}

/**
 * Judges each release by what happened to it, not by its date: `keep` good ones stay in all; so do current, the one before it,
 * pinned ones, those in use, and those that the registry does not know. Of the built ones that never ran, the newest `keep` stay.
 */
export function judge({ tree, used }: PruneFacts, keep: number): Verdict[] {
  const present = [...tree.rows.values()].filter((row) => tree.ids.includes(row.release_id));
  const good = present
    .filter(({ status }) => isGood(status))
    .toSorted((a, b) => (b.activation ?? 0) - (a.activation ?? 0));
  const built = present.filter(
    ({ status }) => status === "built" || status === "deploying" || status === "rollback_in_progress",
  );
  const reasons = new Map<string, string>();
  const say = (id: string | undefined, why: string) => id !== undefined && !reasons.has(id) && reasons.set(id, why);
  say(tree.current.releaseId, "it is current");
  say(goodBefore(tree), "it is the good one before current");
  say(tree.rows.get(tree.current.releaseId ?? "")?.previous_release_id ?? undefined, "current replaced it");
  for (const row of present) if (row.is_pinned) say(row.release_id, "it is pinned");
  for (const [id, who] of used) say(id, `it is in use by ${who}`);
  for (const row of good)
    if (countGood(good, reasons) < keep) say(row.release_id, `it is one of the ${keep} good ones to keep`);
  for (const row of present)
    if (!isOurs(row)) say(row.release_id, "it was not built here and never served: it is left alone");
  for (const row of built.slice(0, keep)) say(row.release_id, "it is built and was not deployed yet");
  const known = present.map((row) => verdict(row, reasons.get(row.release_id)));
  const unknown = tree.ids.filter((id) => !tree.rows.has(id));
  return [
    ...known,
    ...unknown.map((id) => ({ id, goes: false, why: "the registry does not know it: it is left alone" })),
  ];
}

/** Made by switchback, which records its size, or known by having served. */
const isOurs = (row: ReleaseRow) => row.bytes !== null || row.activation !== null;

const countGood = (good: ReleaseRow[], reasons: Map<string, string>) =>
  good.filter((row) => reasons.has(row.release_id)).length;

function verdict(row: ReleaseRow, stays: string | undefined): Verdict {
  if (stays !== undefined) return { id: row.release_id, goes: false, why: stays };
  return {
    id: row.release_id,
    goes: true,
    why: isGood(row.status) ? "older than the good ones to keep" : `it is ${row.status}`,
  };
}
