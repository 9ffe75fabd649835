import type { Context } from "../core/context.ts";
import { observeTree, type TreeFacts } from "../core/observe.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import type { Operation } from "../core/operation.ts";
import { reporter } from "../terminal/reporter.ts";
import type { Plan } from "../core/step.ts";
import { gateStep } from "../health/steps.ts";
import { endHold } from "../database/hold.ts";
import { notices, refuseUnsupported } from "../manifest/supervisor-limits.ts";
import type { ServiceDefinition } from "./definition.ts";
import { chosenDefinitions, definitionsOf, placeOf, recordedManifest } from "./definitions.ts";
import { currentRelease } from "./pidfile-supervisor.ts";
import { startStep } from "./steps.ts";
import { supervisorOf } from "./supervisors.ts";

export interface StartArgs {
  names: string[];
  /** As the current release last ran healthy, instead of as the manifest in use says. */
  recorded?: boolean | undefined;
  /** Until they are healthy; false leaves that to a later step. */
  wait?: boolean | undefined;
}

export interface StartFacts {
  tree: TreeFacts;
  /** As the manifest in use says. */
  definitions: ServiceDefinition[];
  /** As the release that is current last ran healthy. */
  recorded: ServiceDefinition[];
}

/** `ops/service/start.ts`: starts what does not run, and waits until it is healthy. */
export const startServices: Operation<StartFacts, StartArgs> = {
  kind: "start",
  mayUseReserve: true,
  observe: observeStart,
  plan: (context, facts, args) => [planStart(context, facts, args)],
};

/** Looks at the tree, and at what the release that is current can run. */
export async function observeStart(context: Context): Promise<StartFacts> {
  refuseUnsupported(context.loaded);
  const tree = observeTree(context.paths);
  const { releaseId } = tree.current;
  const recorded = releaseId ? await recordedManifest(context, releaseId) : context.manifest;
  return { tree, definitions: definitionsOf(context.manifest), recorded: definitionsOf(recorded) };
}

/** Steps that start services of the release that is current; `restarted` are started by a step before them. */
export function planStart(
  context: Context,
  facts: StartFacts,
  args: StartArgs,
  restarted: string[] = [],
): Plan & { services: string[] } {
  const releaseId = facts.tree.current.releaseId;
  if (!releaseId)
    throw new UsageError(`nothing is deployed in ${context.paths.deployTo}: there is no release to start`, {
      next: [`${context.opsPath}/release/deploy.ts`, `${context.opsPath}/release/list.ts`],
    });
  const definitions = args.recorded ? facts.recorded : facts.definitions;
  const names = chosenDefinitions(definitions, args.names).map(({ name }) => name);
  if (names.length === 0) throw new UsageError("the manifest has no services");
  const isRecorded = args.recorded === true;
  const wait =
    args.wait === false || context.overrides.isGateSkipped
      ? []
      : [gateStep(releaseId, { isRecorded, ...(args.names.length > 0 ? { only: names } : {}) })];
  return {
    services: names,
    title: `Start ${names.join(", ")}`,
    releaseId,
    notes: notices(context.loaded),
    steps: [
      ...startStep(
        names.filter((name) => !restarted.includes(name)),
        { isRecorded },
      ),
      ...wait,
    ],
    discard: [],
    revert: [],
    done: `${names.join(", ")} ${names.length > 1 ? "run" : "runs"} from ${releaseId}.`,
  };
}

/** Restarts services whose socket their manager holds, from the release that is current. */
export async function applyRestart(context: Context, names: string[], options: { recorded: boolean }): Promise<void> {
  endHold(context.paths);
  const release = currentRelease(placeOf(context));
  const manifest = options.recorded ? await recordedManifest(context, release.id) : context.manifest;
  const supervisor = supervisorOf(context, manifest);
  for (const definition of chosenDefinitions(definitionsOf(manifest), names)) {
    const { pid } = await supervisor.restart(definition, release);
    reporter().detail(`${definition.name} is started again (pid ${pid})`);
  }
}

/** Starts services from the release that is current; those that run already are left as they are. */
export async function applyStart(
  context: Context,
  names: string[],
  options: { recorded: boolean; isPaused?: boolean },
): Promise<void> {
  endHold(context.paths);
  const release = currentRelease(placeOf(context));
  const manifest = options.recorded ? await recordedManifest(context, release.id) : context.manifest;
  const supervisor = supervisorOf(context, manifest);
  for (const definition of chosenDefinitions(definitionsOf(manifest), names)) {
    const resumed = options.isPaused ? await supervisor.resume?.(definition) : undefined;
    const { already, pid, warnings } = resumed ?? (await supervisor.start(definition, release));
    warnings.forEach((warning) => reporter().warn(warning));
    reporter().detail(
      already ? `${definition.name} runs already (pid ${pid})` : `${definition.name} is started (pid ${pid})`,
    );
    const { releaseId } = await supervisor.observe(definition.name);
    if (already && releaseId && releaseId !== release.id)
      throw new FailedError(`${definition.name} runs already, from ${releaseId} (pid ${pid})`, {
        next: `${context.opsPath}/service/restart.ts ${definition.name}`,
      });
  }
}
