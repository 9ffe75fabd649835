import fs from "node:fs";
import type { Context } from "../core/context.ts";
import type { TreeFacts } from "../core/observe.ts";
import { type Paths, recordedManifestPath, releasePath, removingPath } from "../core/paths.ts";
import type { MoveStep, RecordStep, RemoveStep, Step } from "../core/step.ts";

type Some<T> = [T, ...T[]];
const isSome = <T>(list: T[]): list is Some<T> => list.length > 0;
const atOnce = <T>([first, ...more]: Some<T>) => ({ ...first, ...(more.length > 0 ? { more } : {}) });
const namesOf = (ids: string[]) => (ids.length > 3 ? `${ids.length} releases` : ids.join(", "));

/** Releases that have left their ids, and whose files are not all gone. */
export const observeRemoving = ({ releases }: Paths): string[] =>
  fs.existsSync(releases)
    ? fs.readdirSync(releases).flatMap((name) => (/^\.removing-(.+)$/.exec(name) ?? []).slice(1))
    : [];

/** Tries again to remove the files of releases that have left their ids: what somebody else owns there may be gone by now. */
export const planLeftFiles = (context: Context, removing: string[]): Step[] =>
  removeFiles(context, removing).map((step) => ({ ...step, optional: true }));

/**
 * Takes releases away, all at one go: one sync of `releases` for all renames, one transaction, one removal. A release that a
 * process uses by then is not renamed, and what comes after leaves alone what still stands under its id.
 */
export function planRemoval(context: Context, { rows }: Pick<TreeFacts, "rows">, ids: string[]): Step[] {
  if (!isSome(ids)) return [];
  const { paths } = context;
  const moves = ids.map((id) => ({ from: releasePath(paths, id), to: removingPath(paths, id) }));
  const move: MoveStep = {
    kind: "move",
    title: `Take ${namesOf(ids)} out of releases`,
    unlessUsed: true,
    ...atOnce(moves as Some<(typeof moves)[number]>),
  };
  return [move, ...recordPruned(context, rows, ids), ...removeKept(context, ids), ...removeFiles(context, ids)];
}

/** Does the rest for releases that have left their ids; those whose id stands again, or that have failed, keep their row. */
export function planRemovalEnd(context: Context, { rows, ids }: Pick<TreeFacts, "rows" | "ids">, removing: string[]) {
  const gone = removing.filter((id) => !ids.includes(id));
  const hasFailed = (id: string) => ["building", "build_failed"].includes(rows.get(id)?.status ?? "");
  const pruned = gone.filter((id) => !hasFailed(id));
  return [...recordPruned(context, rows, pruned), ...removeKept(context, gone), ...removeFiles(context, removing)];
}

function recordPruned(context: Context, rows: TreeFacts["rows"], ids: string[]): RecordStep[] {
  const changes = ids.map((releaseId) => ({
    releaseId,
    sha: rows.get(releaseId)?.commit_sha ?? "",
    status: "pruned" as const,
    unless: releasePath(context.paths, releaseId),
  }));
  if (!isSome(changes) || context.overrides.isRegistrySkipped) return [];
  return [{ kind: "record", title: `Record ${namesOf(ids)} as pruned`, ...atOnce(changes) }];
}

function removeKept({ paths }: Context, ids: string[]): RemoveStep[] {
  const kept = ids.map((id) => ({ path: recordedManifestPath(paths, id), unless: releasePath(paths, id) }));
  return isSome(kept)
    ? [{ kind: "remove", title: `Remove the manifest kept for ${namesOf(ids)}`, ...atOnce(kept) }]
    : [];
}

function removeFiles({ paths }: Context, ids: string[]): RemoveStep[] {
  const places = ids.map((id) => ({ path: removingPath(paths, id) }));
  return isSome(places) ? [{ kind: "remove", title: `Remove the files of ${namesOf(ids)}`, ...atOnce(places) }] : [];
}
