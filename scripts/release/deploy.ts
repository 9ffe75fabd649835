import type { ReleaseFact } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import { type ActivationFacts } from "./activation.ts";
import { type BuildArgs, type BuildFacts, observeBuild } from "../build/facts.ts";
import type { DataChoice } from "../database/crossing.ts";
import { planBuild } from "./build_release.ts";
import { withRelease } from "../dependencies/unused.ts";
import { renderChanges } from "./changes.ts";
import { observePrune, planPrune, pruned } from "./prune.ts";
import { planRoom } from "../room/plan.ts";
import type { PruneFacts } from "../room/retention.ts";
import type { ReleaseRow } from "../registry/releases.ts";
import { observeActivation, planSwitch } from "./switch_current.ts";

type DeployArgs = BuildArgs & DataChoice;

interface DeployFacts {
  build: BuildFacts;
  activation: ActivationFacts;
  prune: PruneFacts;
  /** What the deploy brings, for a person to read before it begins. */
  changes: string[];
}

/** `ops/release/deploy.ts [ref]`: build, switch, gate, record, prune; each stands when the next one fails. */
export const deploy: Operation<DeployFacts, DeployArgs> = {
  kind: "deploy",
  async observe(context, args) {
    const build = await observeBuild(context, args);
    const activation = await observeActivation(context, build.id, args);
    const changes = renderChanges(context, build.tree.current.sha ?? "", build.source.sha);
    return { build, activation: built(activation, build), prune: await observePrune(context, build.tree), changes };
  },
  plan(context, { build, activation, prune, changes }, choice) {
    const isRegistered = !context.overrides.isRegistrySkipped;
    const building = planBuild(context, build);
    const first = planRoom(context, build);
    const done = first.length > 0 ? build.room.reclaim?.prune : undefined;
    const left = done ? pruned(context, prune, done) : prune;
    return [
      ...first,
      { ...building, notes: [...changes, ...(building.notes ?? [])] },
      planSwitch(context, activation, choice),
      // What is deployed serves, whatever keeps an old release from being removed.
      ...(isRegistered ? [{ ...planPrune(context, deployed(left, build), {}), isExtra: true }] : []),
    ];
  },
};

/** The facts as they will be once the release is built. */
function built(activation: ActivationFacts, { id, source }: BuildFacts): ActivationFacts {
  if (activation.target.isComplete) return activation;
  const target: ReleaseFact = {
    ...activation.target,
    sha: source.sha,
    isComplete: true,
    isBuilding: false,
    isSealed: true,
  };
  const row = {
    ...activation.tree.rows.get(id),
    release_id: id,
    commit_sha: source.sha,
    status: "built",
  } as ReleaseRow;
  // Room for the backup is part of what the build needs.
  const { room: _, ...data } = activation.data;
  return {
    ...activation,
    target,
    data,
    tree: { ...activation.tree, rows: new Map([...activation.tree.rows, [id, row]]) },
  };
}

/** The facts as they will be once the release serves: what was current is then the one before. */
function deployed({ tree, deps, ...seen }: PruneFacts, { id, source, sets }: BuildFacts): PruneFacts {
  const before = tree.current.releaseId;
  const own = tree.rows.get(id);
  const activation = Math.max(0, ...[...tree.rows.values()].map((row) => row.activation ?? 0)) + 1;
  const row = {
    ...(own ?? { release_id: id, is_pinned: 0 }),
    commit_sha: source.sha,
    status: "deployed",
    activation,
  } as ReleaseRow;
  const isNew = before !== id;
  const rows = new Map([
    [id, isNew ? { ...row, previous_release_id: before ?? null } : row],
    ...[...tree.rows].filter(([other]) => other !== id),
  ]);
  const ids = tree.ids.includes(id) ? tree.ids : [...tree.ids, id];
  return {
    ...seen,
    deps: withRelease(deps, id, sets),
    tree: { ...tree, ids, rows, current: { ...tree.current, releaseId: id } },
  };
}
