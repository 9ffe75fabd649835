import type { Context } from "../core/context.ts";
import type { Step } from "../core/step.ts";
import { drainStep } from "../health/steps.ts";
import { scheduledNames } from "../schedule/jobs.ts";
import type { ManagedFacts } from "../service/managed-steps.ts";
import { restartStep, type StartChoice, startStep, stopStep } from "../service/steps.ts";

/** Names that are not among others. */
export const without = (names: string[], others: string[]) => names.filter((name) => !others.includes(name));

interface Services {
  services: string[];
  running: string[];
  managed: ManagedFacts;
}

/** The services that run and whose socket stays open: they go on until their own restart, and clients wait meanwhile. */
export const heldOf = ({ services, running, managed }: Services) =>
  services.filter((name) => managed.held.includes(name) && running.includes(name));

/** Restarts services whose socket stays open. */
export const restart = (context: Context, names: string[], choice: Pick<StartChoice, "isRecorded">) =>
  touching(restartStep(restarted(context, names), choice));

/** The services that a switch stops, in the opposite order of their start. */
export const stop = (context: Context, names: string[]) => touching(stopStep(restarted(context, names.toReversed())));

/** Starts the services of the release that is current now. */
export const start = (context: Context, names: string[], choice: StartChoice) =>
  touching(
    startStep(restarted(context, names), { ...choice, isAll: choice.isAll === true && !context.overrides.services }),
  );

/** Steps after which what serves is no longer what served. */
export const touching = (steps: Step[]) => steps.map((step) => ({ ...step, touches: true }));

/** Those of the services that a switch restarts: `DEPLOY_SERVICES`, `DEPLOY_SKIP_SERVICE_RESTART`. */
export function restarted({ overrides }: Context, names: string[]): string[] {
  if (overrides.isRestartSkipped) return [];
  const only = overrides.services;
  return only ? names.filter((name) => only.includes(name)) : names;
}

interface Draining {
  running: string[];
  /** Default: as the manifest in use says. */
  hasJobs?: boolean | undefined;
  /** The data is about to be changed, and two never write at once (SPEC section 5): no job may run behind it. */
  isStrict?: boolean;
}

/** Until nothing runs that a stop would cut: the manifest's drain, where a service runs that it asks, and jobs. */
export function drain(
  context: Context,
  releaseId: string | undefined,
  { running, hasJobs = scheduledNames(context.manifest).length > 0, isStrict = false }: Draining,
): Step[] {
  if (!releaseId || context.overrides.isRestartSkipped) return [];
  const isDrained = context.manifest.drain !== undefined && running.length > 0;
  return isDrained || hasJobs ? [drainStep(releaseId, isStrict)] : [];
}
