import type { Context } from "../core/context.ts";
import type { OperationRow } from "../registry/journal.ts";
import { observeTree } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import type { Plan, ReleaseStatus, Step } from "../core/step.ts";
import { managedSteps } from "../service/managed-steps.ts";
import { startStep, stopStep } from "../service/steps.ts";
import { gate } from "./activation.ts";
import { planDiscard } from "./build_release.ts";
import { step } from "./migration.ts";
import { observeRecovery, type RecoveryFacts } from "./interruption.ts";
import { planRemovalEnd } from "../room/removal.ts";
import { planDemote } from "./promote.ts";
import { isServing } from "../registry/releases.ts";

/** `ops/release/recover.ts`: finishes or undoes what a crash interrupted; every changing command does the same first. */
export const recover: Operation<RecoveryFacts[], object> = {
  kind: "recover",
  mayUseReserve: true,
  async observe(context) {
    const { open } = observeTree(context.paths);
    return Promise.all(open.map((operation) => observeRecovery(context, operation)));
  },
  plan: (context, all) => (all.length > 0 ? all.map((facts) => planRecovery(context, facts)) : [nothing]),
};

const nothing: Plan = {
  title: "Recover",
  steps: [],
  discard: [],
  revert: [],
  done: "No operation is left interrupted.",
};

/** Undoes a build, finishes a removal, and brings back what served when a switch was cut off before its end. */
export function planRecovery(context: Context, facts: RecoveryFacts): Plan {
  const { operation, tree } = facts;
  const previousId = operation.previous_release_id ?? undefined;
  const row = operation.release_id ? tree.rows.get(operation.release_id) : undefined;
  const isFinished = operation.release_id === tree.current.releaseId && isServing(row?.status ?? "");
  const isInstall = operation.kind.startsWith("install_");
  const hasToRestore = operation.has_touched === 1 && !isFinished && !isInstall;
  return {
    title: `Recover from ${subjectOf(operation)} (${operation.id}), which was interrupted`,
    ...(operation.release_id ? { releaseId: operation.release_id } : {}),
    ...(previousId ? { previousId } : {}),
    steps: [
      ...endOrphans(context, facts),
      ...facts.kept.flatMap(([kept, place]) => putBack(kept, place)),
      ...planDemote(tree.current.releaseId ?? "", facts.promoted),
      ...(hasToRestore ? restore(context, facts) : []),
      ...(facts.isDataOpen && !hasToRestore ? [step("settle", "Keep the data as it is", "settle", operation.id)] : []),
      ...(isFinished ? [] : unrecord(context, facts)),
      ...facts.leftovers.map((place): Step => ({ kind: "remove", title: `Remove ${place}`, path: place })),
      ...planBuildEnd(context, facts),
      ...facts.building.filter((id) => isOurs(facts, id)).flatMap((id) => planDiscard(context, id)),
      ...planRemovalEnd(context, tree, facts.removing),
    ],
    discard: [],
    revert: [],
    done: `${subjectOf(operation)} was interrupted${outcomeOf(facts, { hasToRestore, isFinished, isInstall })}`,
  };
}

interface Verdict {
  hasToRestore: boolean;
  isFinished: boolean;
  /** It writes files of managers and proxies, and the same command writes what is missing of them. */
  isInstall: boolean;
}

function outcomeOf(facts: RecoveryFacts, { hasToRestore, isFinished, isInstall }: Verdict): string {
  if (isInstall) return "; the same command finishes it.";
  if (hasToRestore) return `; ${restored(facts)}.`;
  return `${isFinished ? " after its work was done" : " before it touched what serves"}; cleaned up.`;
}

const subjectOf = ({ kind, release_id }: OperationRow) => (release_id ? `${kind} ${release_id}` : kind);

function restored(facts: RecoveryFacts): string {
  const serving = servingAgain(facts);
  return serving ? `${serving} serves again` : "nothing is deployed, as before";
}

const isOurs = ({ tree, operation }: RecoveryFacts, id: string) =>
  tree.rows.get(id)?.status === "building" || operation.release_id === id;

function endOrphans({ paths }: Context, { orphans }: RecoveryFacts): Step[] {
  if (orphans.length === 0) return [];
  const lines = [`kill -KILL ${orphans.join(" ")} 2>/dev/null || true`];
  return [{ kind: "run", title: "End what the operation left running", run: { lines, cwd: paths.deployTo, env: {} } }];
}

const putBack = (kept: string, place: string): Step[] => [
  { kind: "move", title: `Put ${place} back`, from: kept, to: place },
];

/** What served comes back: the link as it was, where its release is still there, and its services. */
function restore(context: Context, facts: RecoveryFacts): Step[] {
  const { running, services } = facts;
  const serving = servingAgain(facts);
  const isRestarted = !context.overrides.isRestartSkipped;
  const undo = step("undo", "Bring the data back", "undo", facts.operation.id);
  return [
    ...(isRestarted || facts.isDataOpen ? stopStep(running.toReversed()) : []),
    ...(facts.isDataOpen ? [undo] : []),
    ...relink(context, facts),
    ...managedSteps(context, facts.managed),
    ...(isRestarted && serving ? startStep(services, { isRecorded: true, isAll: true }) : []),
    ...(serving ? gate(context, serving, { isRecorded: true }) : []),
    ...facts.page.after,
  ];
}

/** Only a release on its way moved the link: what stands there otherwise is not ours to touch. */
function relink({ paths }: Context, { operation, tree, isPreviousComplete }: RecoveryFacts): Step[] {
  const { release_id, previous_release_id, previous_link: target } = operation;
  const { kind, target: now } = tree.current;
  if (release_id === null || target === now || kind === "directory" || kind === "file") return [];
  if (target === null)
    return kind === "link"
      ? [{ kind: "remove", title: "Remove the current link: nothing was deployed before", path: paths.current }]
      : [];
  if (previous_release_id !== null && !isPreviousComplete) return [];
  return [{ kind: "link", title: `Point current back at ${target}`, path: paths.current, target }];
}

/** The release that serves once a recovery is done; none before a first deploy. */
function servingAgain({ operation, tree, isPreviousComplete }: RecoveryFacts): string | undefined {
  if (isPreviousComplete) return operation.previous_release_id ?? undefined;
  return operation.previous_release_id === null ? undefined : tree.current.releaseId;
}

/** The release that was on its way keeps the status that it had: being interrupted is not its fault. */
function unrecord(context: Context, { operation, tree }: RecoveryFacts): Step[] {
  const id = operation.release_id;
  const row = id ? tree.rows.get(id) : undefined;
  const isOnTheWay =
    row?.status === "deploying" || row?.status === "rollback_in_progress" || isServing(row?.status ?? "");
  const before = (operation.status_before ?? "built") as ReleaseStatus;
  if (!id || !isOnTheWay || row?.status === before || context.overrides.isRegistrySkipped) return [];
  return [
    {
      kind: "record",
      title: `Record ${id} as ${before} again`,
      releaseId: id,
      sha: row?.commit_sha ?? "",
      status: before,
    },
  ];
}

/** A build that was cut off: one that had its seal is complete, and only its row is missing; any other has failed. */
function planBuildEnd(context: Context, { tree, building }: RecoveryFacts): Step[] {
  if (context.overrides.isRegistrySkipped) return [];
  const rows = [...tree.rows.values()].filter(({ status }) => status === "building");
  return rows.map(({ release_id: id, commit_sha: sha }) => {
    const status = tree.ids.includes(id) && !building.includes(id) ? "built" : "build_failed";
    return { kind: "record", title: `Record ${id} as ${status}`, releaseId: id, sha, status };
  });
}
