import fs from "node:fs";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { applyPlan, asSwitchbackError } from "../core/apply.ts";
import type { Context } from "../core/context.ts";
import { EXIT, StrandedError, type SwitchbackError } from "../core/errors.ts";
import { standing } from "../core/durable.ts";
import { beginRecord, finishOperation, openOperations, type OperationRow } from "../core/journal.ts";
import { observeRelease, observeTree, type TreeFacts } from "../core/observe.ts";
import type { Operation } from "../core/operate.ts";
import { BUILDING, currentTarget, releasePath, removingPath } from "../core/paths.ts";
import { reporter } from "../core/reporter.ts";
import { spendReserve } from "../core/reserve.ts";
import { OPERATION_MARK } from "../core/shell.ts";
import type { Plan, ReleaseStatus, Step } from "../core/step.ts";
import type { Actions } from "../core/steps/kind.ts";
import { WAITING } from "../core/steps/link.ts";
import { definitionsOf, recordedManifest, runningServices } from "../service/definitions.ts";
import { observeProcesses } from "../service/processes.ts";
import { startStep, stopStep } from "../service/steps.ts";
import { gate } from "./activation.ts";
import { planDiscard } from "./build_release.ts";
import { isServing } from "./registry.ts";
import { findUnfinished } from "./shared.ts";

export interface RecoveryFacts {
  tree: TreeFacts;
  /** The operation that did not end. */
  operation: OperationRow;
  /** Services that run now. */
  running: string[];
  /** Services of the release to go back to, as it last ran healthy. */
  services: string[];
  /** Processes that the operation started and that outlived it. */
  orphans: number[];
  /** Directories and files that no operation would leave: absolute. */
  leftovers: string[];
  /** Releases that were on their way out. */
  removing: string[];
  /** Releases that bear the mark of a build. */
  building: string[];
  /** Shared entries of which only the old one is left, under its kept name: [kept, its own place]. */
  kept: [string, string][];
}

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

const nothing: Plan = { title: "Recover", steps: [], discard: [], revert: [], done: "No operation is left interrupted." };

/** Looks at what an interrupted operation left. */
export async function observeRecovery(context: Context, operation: OperationRow): Promise<RecoveryFacts> {
  const { paths } = context;
  const tree = observeTree(paths);
  const entries = fs.existsSync(paths.releases) ? fs.readdirSync(paths.releases) : [];
  const previous = operation.previous_release_id;
  const { marks } = observeProcesses(OPERATION_MARK);
  const unfinished = findUnfinished(context);
  return {
    tree,
    operation,
    running: await runningServices(context),
    services: definitionsOf(previous ? recordedManifest(context, previous) : context.manifest).map(({ name }) => name),
    orphans: [...marks].flatMap(([pid, mark]) => (mark === operation.id ? [pid] : [])),
    leftovers: [
      ...entries.filter((name) => name.startsWith(".beginning-")).map((name) => path.join(paths.releases, name)),
      ...[...new Set([paths.deployTo, path.dirname(paths.current), paths.manifests])].flatMap(waitingIn),
      ...unfinished.flatMap(({ kept, taking, isMissing }) => [taking, ...(isMissing ? [] : [kept])]).filter((place) => standing(place)),
    ],
    removing: entries.flatMap((name) => (name.startsWith(".removing-") ? [name.slice(".removing-".length)] : [])),
    building: tree.ids.filter((id) => fs.existsSync(path.join(releasePath(paths, id), BUILDING))),
    kept: unfinished.flatMap(({ kept, place, isMissing }) => (isMissing ? [[kept, place] as [string, string]] : [])),
  };
}

const waitingIn = (directory: string) =>
  fs.existsSync(directory)
    ? fs
        .readdirSync(directory)
        .filter((name) => name.startsWith(WAITING) || /\.new(-\d+)?$/.test(name))
        .map((name) => path.join(directory, name))
    : [];

/** Undoes a build, finishes a removal, and brings back what served when a switch was cut off before its end. */
export function planRecovery(context: Context, facts: RecoveryFacts): Plan {
  const { operation, tree } = facts;
  const previousId = operation.previous_release_id ?? undefined;
  const row = operation.release_id ? tree.rows.get(operation.release_id) : undefined;
  const isFinished = operation.release_id === tree.current.releaseId && isServing(row?.status ?? "");
  const hasToRestore = operation.has_touched === 1 && !isFinished;
  return {
    title: `Recover from ${operation.kind} ${operation.release_id ?? ""} (${operation.id}), which was interrupted`.replace("  ", " "),
    ...(operation.release_id ? { releaseId: operation.release_id } : {}),
    ...(previousId ? { previousId } : {}),
    steps: [
      ...endOrphans(context, facts),
      ...facts.kept.flatMap(([kept, place]) => putBack(kept, place)),
      ...(hasToRestore ? restore(context, facts) : []),
      ...(isFinished ? [] : unrecord(context, facts)),
      ...facts.leftovers.map((place): Step => ({ kind: "remove", title: `Remove ${place}`, path: place })),
      ...planBuildEnd(context, facts),
      ...facts.building.filter((id) => isOurs(facts, id)).flatMap((id) => planDiscard(context, id)),
      ...facts.removing.flatMap((id) => finishRemoval(context, facts, id)),
    ],
    discard: [],
    revert: [],
    done: hasToRestore
      ? `${operation.kind} ${operation.release_id ?? ""} was interrupted; ${previousId ? `${previousId} serves again` : "nothing is deployed, as before"}.`
      : `${operation.kind} ${operation.release_id ?? ""} was interrupted${isFinished ? " after its work was done" : " before it touched what serves"}; cleaned up.`,
  };
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

function restore(context: Context, { operation, running, services, tree }: RecoveryFacts): Step[] {
  const previous = operation.previous_release_id;
  const isThere = previous !== null && observeRelease(context.paths, previous).isComplete;
  const link: Step = isThere
    ? { kind: "link", title: `Point current at ${previous}`, path: context.paths.current, target: currentTarget(context.paths, previous) }
    : { kind: "remove", title: "Remove the current link: nothing was deployed before", path: context.paths.current };
  // Only a release on its way moved the link; what stands there otherwise is not ours to remove.
  const hasMoved = operation.release_id !== null && tree.current.kind === "link" && !(isThere && tree.current.releaseId === previous);
  const isRestarted = isThere && !context.overrides.isRestartSkipped;
  return [
    ...stopStep(running.toReversed()),
    ...(hasMoved || (isThere && tree.current.kind === "absent") ? [link] : []),
    ...(isRestarted ? startStep(services, { isRecorded: true, isAll: true }) : []),
    ...(isThere ? gate(context, previous, { isRecorded: true }) : []),
  ];
}

/** The release that was on its way keeps the status that it had: being interrupted is not its fault. */
function unrecord(context: Context, { operation, tree }: RecoveryFacts): Step[] {
  const id = operation.release_id;
  const row = id ? tree.rows.get(id) : undefined;
  const isOnTheWay = row?.status === "deploying" || row?.status === "rollback_in_progress" || isServing(row?.status ?? "");
  const before = (operation.status_before ?? "built") as ReleaseStatus;
  if (!id || !isOnTheWay || row?.status === before || context.overrides.isRegistrySkipped) return [];
  return [{ kind: "record", title: `Record ${id} as ${before} again`, releaseId: id, sha: row?.commit_sha ?? "", status: before }];
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

function finishRemoval(context: Context, { tree }: RecoveryFacts, id: string): Step[] {
  const row = tree.rows.get(id);
  const isFailed = row?.status === "building" || row?.status === "build_failed";
  const sha = row?.commit_sha ?? "";
  // Another release may bear the id by now: its row is not touched.
  const isRecorded = isFailed || tree.ids.includes(id) || context.overrides.isRegistrySkipped;
  return [
    ...(isRecorded ? [] : [{ kind: "record", title: `Record ${id} as pruned`, releaseId: id, sha, status: "pruned" } as const]),
    { kind: "remove", title: `Remove the files of ${id}`, path: removingPath(context.paths, id) },
  ];
}

/** Under the lock: recovers from every operation that did not end, and closes its record, also where a person is needed. */
export async function recoverInterrupted(
  context: Context,
  database: DatabaseSync,
  actions: Actions,
  signal: AbortSignal,
): Promise<void> {
  // A recovery that was itself interrupted is taken up by what it was for.
  for (const operation of openOperations(database)) {
    const plan = planRecovery(context, await observeRecovery(context, operation));
    reporter().say(`${plan.title} …`);
    await applyRecovery(context, database, actions, signal, plan, operation);
  }
}

async function applyRecovery(
  context: Context,
  database: DatabaseSync,
  actions: Actions,
  signal: AbortSignal,
  plan: Plan,
  operation: OperationRow,
): Promise<void> {
  const { journal, logPath } = beginRecord(context, database, "recover", [operation.id]);
  try {
    const giveRoom = () => spendReserve(context.paths);
    await applyPlan(plan, { signal, logPath, operationId: journal.id, actions, giveRoom }, journal);
    finishOperation(database, operation.id, "interrupted", null, plan.done);
    journal.finish("done", EXIT.done, plan.done);
    reporter().say(plan.done);
  } catch (error) {
    const failed = asSwitchbackError(error);
    // Closed all the same: a second try would meet the same, and a person's next command must not be stopped by it.
    finishOperation(database, operation.id, "unrecovered", null, failed.message);
    journal.finish("stranded", EXIT.stranded, failed.message);
    throw stranded(context, failed);
  }
}

function stranded(context: Context, failed: SwitchbackError): StrandedError {
  const next = ["service/status.ts", "service/logs.ts", "release/list.ts"].map((name) => `${context.opsPath}/${name}`);
  return new StrandedError(`recovering failed: ${failed.message}`, { output: failed.output, next, cause: failed });
}
