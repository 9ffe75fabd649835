import type { Context } from "../core/context.ts";
import { observeRelease, observeTree, type ReleaseFact, type TreeFacts } from "../core/observe.ts";
import { releasePath } from "../core/paths.ts";
import { reporter } from "../terminal/reporter.ts";
import { showBytes, showTime } from "../text/amounts.ts";
import type { ReleaseRow } from "../registry/releases.ts";
import { isServing } from "../registry/releases.ts";
import { lastGood } from "./rollback.ts";
import { type Column, renderTable } from "../text/table.ts";

/** A release as `list --json` gives it. */
export interface ListedRelease {
  release_id: string;
  /** Empty where a release made by hand does not say it. */
  commit_sha: string;
  /** As the registry has it; `building` while it is not complete; null when the registry does not know it. */
  status: string | null;
  /** ISO 8601 UTC: the first time that it was deployed or rolled back to. */
  deployed_at: string | null;
  is_current: boolean;
  is_pinned: boolean;
  is_known: boolean;
  /** Its directory stands and its build ended; false also for one that is in the registry only. */
  is_complete: boolean;
  /** A rollback without an id goes to it. */
  is_rollback_target: boolean;
  built_at: string | null;
  ref: string | null;
  /** Built from files that were not committed. */
  is_dirty: boolean;
  bytes: number | null;
  /** Of that, what it did not share with another release when it was built. */
  own_bytes: number | null;
  migration_marker: string | null;
  path: string;
}

export interface Listing {
  releases: ListedRelease[];
  /** How many there are, without the limit. */
  total: number;
  /** Releases that are in the registry only: pruned, or never built. */
  gone: number;
  currentId: string | undefined;
}

export interface ListOptions {
  limit: number;
  /** Those too that are in the registry only. */
  all?: boolean | undefined;
}

/** Releases on the disk, the newest row first, those that the registry does not know last; files are read of what is shown only. */
export function observeList(context: Context, { limit, all = false }: ListOptions): Listing {
  const tree = observeTree(context.paths);
  const standing = new Set(tree.ids);
  const rows = [...tree.rows.keys()];
  const present = rows.filter((id) => standing.has(id));
  const unknown = tree.ids
    .filter((id) => !tree.rows.has(id))
    .toSorted()
    .toReversed();
  const ids = [...(all ? rows : present), ...unknown];
  const target = rollbackTarget(context, tree);
  return {
    releases: ids.slice(0, limit).map((id) => listed(context, tree, id, target)),
    total: ids.length,
    gone: rows.length - present.length,
    currentId: tree.current.releaseId,
  };
}

/** The release that a rollback without an id would go to. */
export function rollbackTarget(context: Context, tree: TreeFacts): string | undefined {
  try {
    return lastGood(context, tree);
  } catch {
    return undefined;
  }
}

function listed(context: Context, tree: TreeFacts, id: string, target: string | undefined): ListedRelease {
  const fact = observeRelease(context.paths, id);
  const row = tree.rows.get(id);
  return {
    release_id: id,
    commit_sha: fact.sha || row?.commit_sha || "",
    status: statusOf(fact, row),
    deployed_at: row?.deployed_at ?? null,
    is_current: tree.current.releaseId === id,
    is_pinned: row?.is_pinned === 1,
    is_known: row !== undefined,
    is_complete: fact.isComplete,
    is_rollback_target: target === id,
    built_at: fact.builtAt ?? null,
    ref: fact.ref ?? null,
    is_dirty: fact.isDirty === true,
    bytes: row?.bytes ?? fact.bytes ?? null,
    own_bytes: row?.own_bytes ?? fact.ownBytes ?? null,
    migration_marker: row?.migration_marker ?? null,
    path: releasePath(context.paths, id),
  };
}

const statusOf = (fact: ReleaseFact, row: ReleaseRow | undefined) =>
  fact.isBuilding ? "building" : (row?.status ?? null);

/** The table for a person, and what is not in it. */
export function renderList(listing: Listing): string {
  const { releases, total, gone, currentId } = listing;
  if (total === 0)
    return `no releases yet${gone > 0 ? `; ${elsewhere(gone)}` : ": ops/release/deploy.ts makes the first one"}`;
  const [titles = "", ...lines] = renderTable(COLUMNS, releases);
  const body = lines.map((line, i) => paint(line, releases[i]));
  const isHidden = currentId !== undefined && !releases.some((release) => release.is_current);
  const more = [
    ...(total > releases.length ? [`${total - releases.length} older ones are not shown: --limit ${total}`] : []),
    ...(isHidden ? [`current is ${currentId}`] : []),
    ...(gone > 0 && !releases.some(isGone) ? [elsewhere(gone)] : []),
  ];
  return [reporter().paint("dim", titles), ...body, ...more.map((line) => reporter().paint("dim", line))].join("\n");
}

const elsewhere = (gone: number) => `${gone} more ${gone === 1 ? "is" : "are"} in the registry only: --all`;

const isGone = (release: ListedRelease) => !release.is_complete && release.status !== "building";

const COLUMNS: Column<ListedRelease>[] = [
  { title: "  RELEASE", cell: ({ is_current, release_id }) => `${is_current ? "*" : " "} ${release_id}` },
  { title: "STATUS", cell: ({ status }) => status ?? "unknown" },
  { title: "COMMIT", cell: ({ commit_sha }) => commit_sha.slice(0, 7) || "-" },
  { title: "REF", cell: ({ ref }) => ref ?? "", drop: 2 },
  { title: "BUILT (UTC)", cell: ({ built_at }) => showTime(built_at).slice(0, 16), drop: 3 },
  { title: "DEPLOYED (UTC)", cell: ({ deployed_at }) => showTime(deployed_at).slice(0, 16), drop: 1 },
  { title: "SIZE", cell: ({ bytes }) => showBytes(bytes), isRight: true },
  { title: "OWN", cell: ({ own_bytes }) => showBytes(own_bytes), isRight: true, drop: 4 },
  { title: "", cell: notesOf },
];

function notesOf(release: ListedRelease): string {
  const notes: [boolean, string][] = [
    [!release.is_known, "unknown to the registry"],
    [release.is_current, "current"],
    [release.is_pinned, "pinned"],
    [release.is_rollback_target, "rollback target"],
    [release.is_dirty, "uncommitted files"],
    [release.migration_marker !== null, `schema ${release.migration_marker ?? ""}`],
  ];
  return notes.flatMap(([holds, note]) => (holds ? [note] : [])).join(", ");
}

function paint(line: string, release: ListedRelease | undefined): string {
  if (release?.is_current) return reporter().paint("green", line);
  const status = release?.status ?? "";
  if (status.endsWith("_failed")) return reporter().paint("red", line);
  return release && (isGone(release) || !release.is_known) && !isServing(status) ? reporter().paint("dim", line) : line;
}
