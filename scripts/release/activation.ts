import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import type { ReleaseFact, TreeFacts } from "../core/observe.ts";
import { currentTarget, releasePath } from "../core/paths.ts";
import type { LinkStep, Plan, RecordStep, ReleaseStatus, RemoveStep, Step } from "../core/step.ts";
import { quote } from "../core/step.ts";
import { type GateChoice, gateStep } from "../health/steps.ts";
import type { DataChoice } from "../database/crossing.ts";
import { failureHook, hook } from "./hooks.ts";
import { remember } from "./remember.ts";
import { buildImages, type MissingImages } from "../podman/steps.ts";
import { NO_PAGE, type PageFacts } from "./page.ts";
import { jobGuards, type ManagedFacts, managedBack, managedNotes, managedSteps } from "../service/managed-steps.ts";
import { drain, start, stop, touching, without } from "./around-the-link.ts";
import { type DataFacts, type DataPlan, planData, untouched } from "./migration.ts";

/** What is known before a release becomes current. */
export interface ActivationFacts {
  tree: TreeFacts;
  /** The release that is to become current; for a deploy, as it will be once it is built. */
  target: ReleaseFact;
  /** The services that the target will run. */
  services: string[];
  /** The services that run now, those of other manifests included. */
  running: string[];
  /** The manifest in use, or the one that serves, has services that run at times; default: as the one in use says. */
  hasJobs?: boolean;
  /** Every service of the manifest runs, from the target. */
  isServing: boolean;
  /** Why a service of the target could not be started: `env_required`, a file of its environment, a variable of `run`. */
  unready: string[];
  /** What service managers know of the tree, and what they have to know for the target. */
  managed: ManagedFacts;
  /** The maintenance page, where a switch is to show it. */
  page: PageFacts;
  /** What is known of the data. */
  data: DataFacts;
  /** Images that are not here any more, of the target and of what serves: they are built again from the releases. */
  images?: MissingImages[];
  /** What the manifest asks for and this supervisor does not do. */
  notices: string[];
}

/** `rollback` runs the target as it last ran healthy; `deploy` runs it as the manifest in use says. */
export type Mode = "deploy" | "rollback";

const STATUSES: Record<Mode, { begun: ReleaseStatus; done: ReleaseStatus; failed: ReleaseStatus }> = {
  deploy: { begun: "deploying", done: "deployed", failed: "deploy_failed" },
  rollback: { begun: "rollback_in_progress", done: "rolled_back", failed: "rollback_failed" },
};

/** Drain, stop, link, start, gate, record; and the way back (SPEC section 1 and 5). */
export function planActivation(context: Context, facts: ActivationFacts, mode: Mode, choice: DataChoice = {}): Plan {
  refuseImpossible(context, facts);
  const { target, tree } = facts;
  const previousId = tree.current.releaseId;
  const statusBefore = tree.rows.get(target.id)?.status ?? "built";
  const isRecorded = mode === "rollback";
  const data = planData(context, facts, { id: target.id, isBack: isRecorded }, choice);
  const stopped = without(facts.running, data.held);
  const page = stopped.length > 0 ? facts.page : NO_PAGE;
  const verb = mode === "rollback" ? "Roll back to" : "Switch to";
  return {
    title: `${verb} ${target.id}`,
    releaseId: target.id,
    ...(previousId ? { previousId } : {}),
    ...(tree.current.target === undefined ? {} : { previousLink: tree.current.target }),
    notes: [...facts.notices, ...managedNotes(facts.managed)],
    steps: [
      ...reconcile(context, tree),
      ...record(context, target, STATUSES[mode].begun),
      ...hook(context, "before_switch", target.id, releasePath(context.paths, target.id)),
      ...(facts.images ?? []).flatMap(({ id, images }) => buildImages(context, id, images)),
      ...data.holdJobs,
      ...drain(context, previousId, { ...facts, isStrict: data.work.length > 0 }),
      ...jobGuards(facts.managed),
      ...touching(managedSteps(context, facts.managed)),
      ...touching(page.before),
      ...data.pause,
      ...stop(context, stopped),
      ...data.work,
      linkCurrent(context, target.id),
      ...data.resume(isRecorded),
      ...start(context, without(facts.services, data.held), { isRecorded, isAll: isRecorded }),
      ...gate(context, target.id, { isRecorded, hasSmoke: isRecorded || context.manifest.smoke.length > 0 }),
      ...page.after,
      ...hook(context, "after_switch", target.id, releasePath(context.paths, target.id)),
      ...(mode === "rollback" ? hook(context, "after_rollback", target.id, releasePath(context.paths, target.id)) : []),
      ...remember(context, target, isRecorded),
      ...data.take,
      ...record(context, target, STATUSES[mode].done),
      ...data.settle,
    ],
    discard: [...record(context, target, statusBefore), ...failureHook(context, target.id)],
    revert: [
      ...planRestore(context, facts, data),
      ...page.after,
      // A release that was current before, and is healthy again, has not failed.
      ...record(context, target, previousId === target.id ? statusBefore : STATUSES[mode].failed),
      ...failureHook(context, target.id),
    ],
    done: `${target.id} is current${previousId && previousId !== target.id ? `; it was ${previousId}` : ""}.`,
    stranded: stranded(context, previousId === target.id ? undefined : previousId),
  };
}

/** Brings back what was current, as it last ran healthy; before a first deploy that is nothing. */
export function planRestore(
  context: Context,
  facts: Pick<ActivationFacts, "tree" | "running" | "services" | "managed">,
  data: DataPlan = untouched(context, facts),
): Step[] {
  const { current } = facts.tree;
  // A socket that stays is held for what served before, too: its clients wait, where they can be answered again.
  const held = current.releaseId === undefined ? [] : data.held;
  const names = without([...new Set([...facts.services, ...facts.running])], held);
  const back: LinkStep | RemoveStep =
    current.target === undefined
      ? { kind: "remove", title: "Remove the current link: nothing was deployed before", path: context.paths.current }
      : {
          kind: "link",
          title: `Point current back at ${current.target}`,
          path: context.paths.current,
          target: current.target,
        };
  const isServing = current.releaseId !== undefined;
  return [
    ...data.pause,
    ...stop(context, names),
    ...data.undo,
    back,
    ...managedBack(context, facts.managed),
    ...(isServing ? data.resume(true) : data.letGo),
    ...(isServing
      ? start(context, without(facts.running.length ? facts.running : facts.services, held), {
          isRecorded: true,
          isAll: true,
        })
      : []),
    ...(isServing ? gate(context, current.releaseId as string, { isRecorded: true }) : []),
  ];
}

function refuseImpossible(context: Context, { tree, target, unready }: ActivationFacts): void {
  const { paths, opsPath } = context;
  if (tree.current.kind === "directory" || tree.current.kind === "file")
    throw new UsageError(`${paths.current} is a real ${tree.current.kind}, and has to be a link to a release`, {
      next: `mv ${quote(paths.current)} ${quote(`${paths.current}.was-a-${tree.current.kind}`)}`,
    });
  if (!target.isComplete)
    throw new UsageError(
      target.isBuilding
        ? `${target.id} is not complete: its build was interrupted, or is at work now`
        : `there is no release ${target.id} in ${paths.releases}`,
      { next: [`${opsPath}/release/list.ts`, `${opsPath}/release/build_release.ts --id ${target.id}`] },
    );
  if (unready.length > 0)
    throw new UsageError(
      `the services of ${target.id} cannot be started:\n${unready.map((line) => `  ${line}`).join("\n")}`,
      {
        next: "mend that (variables: in the service's env_file), then type the command again",
      },
    );
}

function stranded(context: Context, previousId: string | undefined): string[] {
  const status = `${context.opsPath}/service/status.ts`;
  const other = `${context.opsPath}/release/list.ts`;
  const again = previousId ? `switch_current.ts ${previousId}` : "rollback.ts";
  return [status, `${context.opsPath}/service/logs.ts`, other, `${context.opsPath}/release/${again}`];
}

function record(context: Context, release: ReleaseFact, status: ReleaseStatus): RecordStep[] {
  if (context.overrides.isRegistrySkipped) return [];
  return [
    { kind: "record", title: `Record ${release.id} as ${status}`, releaseId: release.id, sha: release.sha, status },
  ];
}

const CAN_SERVE = new Set<ReleaseStatus | undefined>([
  undefined,
  "built",
  "replaced",
  "replaced_by_rollback",
  "pruned",
]);

/** The link wins: what it names and the registry does not hold for serving (adopted, or linked by hand) is recorded first. */
export function reconcile(context: Context, { current, rows }: TreeFacts): RecordStep[] {
  const id = current.releaseId;
  const row = id ? rows.get(id) : undefined;
  if (!id || context.overrides.isRegistrySkipped || !CAN_SERVE.has(row?.status)) return [];
  const sha = row?.commit_sha ?? current.sha ?? "";
  return [
    { kind: "record", title: `Record ${id}, which is current, as deployed`, releaseId: id, sha, status: "deployed" },
  ];
}

/** The gate, unless `DEPLOY_SKIP_HEALTHCHECK` says otherwise. */
export const gate = (context: Context, releaseId: string, choice: GateChoice): Step[] =>
  context.overrides.isGateSkipped ? [] : [gateStep(releaseId, choice)];

function linkCurrent(context: Context, id: string): LinkStep {
  return {
    kind: "link",
    title: `Point current at ${id}`,
    path: context.paths.current,
    target: currentTarget(context.paths, id),
    touches: true,
  };
}
