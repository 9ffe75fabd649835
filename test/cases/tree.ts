import type { Context } from "../../scripts/core/context.ts";
import type { Current, ReleaseFact, TreeFacts } from "../../scripts/core/observe.ts";
import { currentTarget } from "../../scripts/core/paths.ts";
import { isServing, type ReleaseRow } from "../../scripts/registry/releases.ts";
import type { CaseFacts, CaseRow } from "./format.ts";

const NOW = new Date("2026-11-20T22:15:30Z");
const SERVED = new Set(["deployed", "rolled_back", "replaced", "replaced_by_rollback", "rollback_failed"]);
const HAS_DIRECTORY = (status: string) => !["pruned", "build_failed", "rollback_target_missing"].includes(status);

/** The commit of a release in all cases: `r2` is built from 2222222. */
export const shaOf = (id: string) => (/\d+/.exec(id)?.[0] ?? "f").repeat(7).slice(0, 7);

/** Release ids of the directories under releases. */
export function onDisk(facts: CaseFacts): string[] {
  const known = facts.disk ?? Object.entries(facts.releases).flatMap(([id, { status }]) => (HAS_DIRECTORY(status) ? [id] : []));
  return [...known, ...facts.unknown, ...facts.building.filter((id) => !known.includes(id))];
}

/** What `observeTree` would say. */
export function treeOf(context: Context, facts: CaseFacts): TreeFacts {
  const rows = rowsOf(facts);
  return {
    now: NOW,
    isTree: true,
    current: currentOf(context, facts),
    ids: onDisk(facts),
    rows: new Map(rows.toReversed().map((row) => [row.release_id, row])),
    open: [],
  };
}

/** What `observeRelease` would say. */
export function releaseOf(facts: CaseFacts, id: string): ReleaseFact {
  const isBuilding = facts.building.includes(id);
  const isComplete = onDisk(facts).includes(id) && !isBuilding;
  const hasServed = facts.releases[id]?.activation !== null && SERVED.has(facts.releases[id]?.status ?? "");
  return {
    id,
    isBuilding,
    isComplete,
    isSealed: isComplete && !facts.unknown.includes(id),
    sha: isComplete ? shaOf(id) : "",
    hasRecordedManifest: facts.recorded ? facts.recorded.includes(id) : hasServed,
  };
}

function rowsOf(facts: CaseFacts): ReleaseRow[] {
  const rows: ReleaseRow[] = [];
  for (const [id, one] of Object.entries(facts.releases)) rows.push(rowOf(id, one, rows));
  return rows;
}

function rowOf(id: string, { status, activation, previous, pinned, bytes, updated }: CaseRow, above: ReleaseRow[]): ReleaseRow {
  const served = above.filter((row) => row.activation !== null);
  const hasServed = SERVED.has(status);
  return {
    id: above.length + 1,
    release_id: id,
    commit_sha: shaOf(id),
    migration_marker: null,
    status,
    deployed_at: null,
    previous_release_id: previous === undefined ? (hasServed ? (served.at(-1)?.release_id ?? null) : null) : previous,
    activation: activation === undefined ? (hasServed ? served.length + 1 : null) : activation,
    is_pinned: pinned ? 1 : 0,
    bytes,
    updated_at: updated,
  };
}

function currentOf({ paths }: Context, facts: CaseFacts): Current {
  const serving = Object.entries(facts.releases).find(([, { status }]) => isServing(status))?.[0];
  const said = facts.current ?? serving ?? { kind: "absent" };
  const { kind, target, release } = typeof said === "string" ? { kind: "link" as const, target: undefined, release: said } : said;
  if (kind !== "link") return { kind };
  const text = target ?? currentTarget(paths, release ?? "");
  return { kind, target: text, ...(release ? { releaseId: release, sha: shaOf(release) } : {}) };
}
