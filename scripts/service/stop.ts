import type { Context } from "../core/context.ts";
import type { Operation } from "../core/operation.ts";
import { reporter } from "../terminal/reporter.ts";
import type { Plan, Step } from "../core/step.ts";
import { chosenDefinitions, definitionsOf } from "./definitions.ts";
import { serviceOf } from "./definition.ts";
import { pidfilePath } from "./pidfile.ts";
import { stopStep } from "./steps.ts";
import { observeNames, type ServiceNames, supervisorsRunning } from "./supervisors.ts";

export interface StopArgs {
  names: string[];
}

/** `ops/service/stop.ts`: stops what runs; what does not run is no error. */
export const stopServices: Operation<ServiceNames, StopArgs> = {
  kind: "stop",
  mayUseReserve: true,
  observe: observeNames,
  plan: (context, facts, args) => [planStop(context, facts, args)],
};

/** Steps that stop the services that run: all of them, also those that the manifest no longer has, or the named ones. */
export function planStop(context: Context, { running, stale }: ServiceNames, { names }: StopArgs): Plan {
  const unknown = names.filter((name) => !running.includes(name) && !stale.includes(name));
  chosenDefinitions(definitionsOf(context.manifest), unknown);
  const among = (all: string[]) => (names.length > 0 ? all.filter((name) => names.includes(name)) : all);
  const chosen = among(running);
  return {
    title: chosen.length > 0 ? `Stop ${chosen.join(", ")}` : "Stop nothing",
    steps: [
      ...stopStep(chosen.toReversed()),
      ...among(stale).map((name): Step => ({
        kind: "remove",
        title: `Remove the pid file that ${name} left`,
        path: pidfilePath(context.paths.run, name),
      })),
    ],
    discard: [],
    revert: [],
    done:
      chosen.length > 0
        ? `${chosen.join(", ")} stopped.`
        : names.length > 0
          ? `${names.join(", ")} did not run.`
          : "No service was running.",
  };
}

const DEFAULT_STOP_TIMEOUT = 10_000;

/** Stops services by name; TERM first, KILL after the service's `stop_timeout`. */
export async function applyStop(context: Context, names: string[]): Promise<void> {
  for (const name of names) {
    const timeout = context.manifest.services[serviceOf(name)]?.stop_timeout ?? DEFAULT_STOP_TIMEOUT;
    for (const supervisor of await supervisorsRunning(context, name)) {
      const { wasKilled } = await supervisor.stop(name, timeout);
      if (wasKilled) reporter().warn(`${name} did not stop within ${timeout / 1000} s and was killed`);
    }
  }
}
