import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { observeCurrent, observeRelease, observeTree, type ReleaseFact, type TreeFacts } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import type { Plan } from "../core/step.ts";
import { type DataChoice, observeCrossing } from "../database/crossing.ts";
import { isHeldBack } from "../database/hold.ts";
import { notices, refuseUnsupported } from "../manifest/supervisor-limits.ts";
import { hasContainers } from "../podman/quadlet.ts";
import { hasJobs } from "../schedule/running-jobs.ts";
import { definitionsOf, recordedManifest } from "../service/definitions.ts";
import { observeManaged } from "../service/managed.ts";
import { runningServices, servingManifestOf, supervisorOf } from "../service/supervisors.ts";
import { type ActivationFacts, gate, type Mode, planActivation, reconcile } from "./activation.ts";
import { checkedId } from "../core/release-id.ts";
import type { DataFacts } from "./migration.ts";
import { missingEnvironment, unstartable } from "./environment.ts";
import { observePage } from "./page.ts";
import { isGood, lineFrom } from "../registry/releases.ts";

export interface SwitchArgs extends DataChoice {
  id: string;
  /** The release that has to be current, else nothing is done: somebody may have switched meanwhile. */
  from?: string | undefined;
}

/** `ops/release/switch_current.ts <id>`: makes a complete release current. */
export const switchCurrent: Operation<ActivationFacts, SwitchArgs> = {
  kind: "switch",
  mayUseReserve: true,
  observe: (context, args) => observeActivation(context, checkedId(args.id), args),
  plan(context, facts, args) {
    const { releaseId = "no release" } = facts.tree.current;
    if (args.from !== undefined && args.from !== releaseId)
      throw new UsageError(`${releaseId} is current, and not ${args.from}: somebody else has switched meanwhile`, {
        next: [`${context.opsPath}/release/status.ts`, `${context.opsPath}/release/switch_current.ts ${args.id}`],
      });
    return [planSwitch(context, facts, args)];
  },
};

/**
 * Looks at a release, at what serves now, and at what the release would need; `isBack`: it is asked for as a rollback, whichever it is.
 */
export async function observeActivation(
  context: Context,
  id: string,
  choice: DataChoice & { isBack?: boolean } = {},
): Promise<ActivationFacts> {
  refuseUnsupported(context.loaded);
  const tree = observeTree(context.paths);
  const target = observeRelease(context.paths, id);
  const isBack = choice.isBack ?? modeOf(tree, id) === "rollback";
  const manifest = isBack ? await recordedManifest(context, id) : context.manifest;
  const running = await runningServices(context);
  return {
    tree,
    target,
    services: definitionsOf(manifest).map(({ name }) => name),
    running,
    hasJobs: await hasJobs(context),
    isServing: tree.current.releaseId === id && (await isServing(context, running, id)),
    unready: unreadyServices(context, manifest, target),
    managed: await observeManaged(context, manifest),
    page: await observePage(context),
    ...(await observeImages(context, manifest, target)),
    data: { ...(await observeData(context, tree, id, { ...choice, isBack })), isGuarded: isHeldBack(manifest) },
    notices: notices(context.loaded),
  };
}

/** Someone may have removed the image of a release that stays: of the one that is to serve, or of the one to come back to. */
async function observeImages(
  context: Context,
  manifest: Manifest,
  { id, isComplete }: ReleaseFact,
): Promise<Pick<ActivationFacts, "images">> {
  const { releaseId } = observeCurrent(context.paths);
  const serving = releaseId === undefined || releaseId === id ? undefined : await servingManifestOf(context);
  const asked = [
    ...(isComplete ? [{ id, manifest }] : []),
    ...(releaseId !== undefined && serving ? [{ id: releaseId, manifest: serving }] : []),
  ].filter((one) => hasContainers(one.manifest));
  if (asked.length === 0) return {};
  const { missingImages } = await import("../podman/look.ts");
  return { images: missingImages(context.paths, asked) };
}

/** Only where data may have to be changed: a way back with the same schema looks at rows that are read already. */
async function observeData(
  context: Context,
  tree: TreeFacts,
  id: string,
  choice: DataChoice & { isBack: boolean },
): Promise<Omit<DataFacts, "isGuarded">> {
  const { migrate, database } = context.manifest;
  const { isBack } = choice;
  const crossing = isBack ? await observeCrossing(context, tree, id, choice) : undefined;
  if (!database || !(isBack ? crossing : migrate)) return crossing ? { crossing } : {};
  const { observeDatabase } = await import("../database/state.ts");
  const { bytes, freeBytes } = observeDatabase(context);
  return { room: { bytes, freeBytes }, ...(crossing ? { crossing } : {}) };
}

// Where it cannot be started at all, what it would be started with says nothing more.
function unreadyServices(context: Context, manifest: Manifest, { id, isComplete }: ReleaseFact): string[] {
  const broken = isComplete ? unstartable(context, manifest, id) : [];
  if (broken.length > 0) return broken;
  return missingEnvironment(context, manifest, id, isComplete).map((line) => `${line} (env_required)`);
}

async function isServing(context: Context, running: string[], id: string): Promise<boolean> {
  const names = definitionsOf(context.manifest).map(({ name }) => name);
  const supervisor = supervisorOf(context);
  const states = await Promise.all(names.map((name) => supervisor.observe(name)));
  return names.every((name) => running.includes(name)) && states.every(({ releaseId }) => releaseId === id);
}

/** An earlier release of the line that serves is a rollback, however it is asked for (SPEC section 3). */
export function modeOf(tree: ActivationFacts["tree"], id: string): Mode {
  const { releaseId } = tree.current;
  return releaseId !== id && lineFrom(tree.rows, releaseId).has(id) ? "rollback" : "deploy";
}

/** A release that is current and serves is left alone; any other is switched to. */
export function planSwitch(context: Context, facts: ActivationFacts, choice: DataChoice = {}): Plan {
  const { tree, target } = facts;
  const recorded = reconcile(context, tree);
  const isKnown = recorded.length > 0 || isGood(tree.rows.get(target.id)?.status ?? "");
  const isSettled = tree.current.releaseId === target.id && facts.isServing && isKnown;
  if (!isSettled) return planActivation(context, facts, modeOf(tree, target.id), choice);
  return {
    title: `Switch to ${target.id}`,
    releaseId: target.id,
    previousId: target.id,
    steps: [...gate(context, target.id, { isRecorded: false }), ...recorded],
    discard: [],
    revert: [],
    done: `${target.id} is current already, and healthy.`,
  };
}
