import type { Operation } from "../core/operation.ts";
import { command, type Step } from "../core/step.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { unitFileOf } from "../systemd/names.ts";
import { observeStart, planStart, type StartArgs, type StartFacts } from "./start.ts";
import { definitionsOf } from "./definitions.ts";
import { observeManaged } from "./managed.ts";
import type { ManagedFacts } from "./managed-steps.ts";
import { restartStep, stopStep } from "./steps.ts";
import { planStop } from "./stop.ts";
import { observeNames, type ServiceNames } from "./supervisors.ts";

interface RestartFacts extends StartFacts {
  services: ServiceNames;
  /** Services whose socket stays open while they restart. */
  held: string[];
}

/** `ops/service/restart.ts`: stops what runs, starts it from the release that is current. */
export const restartServices: Operation<RestartFacts, StartArgs> = {
  kind: "restart",
  mayUseReserve: true,
  async observe(context, { recorded }) {
    const managed = await observeManaged(context, context.manifest);
    if (recorded !== true) refuseUninstalled(context, managed);
    return { ...(await observeStart(context)), services: await observeNames(context), held: managed.held };
  },
  // Starting is decided first: nothing is stopped that could not be started again.
  plan(context, facts, args) {
    const { running, stale } = facts.services;
    const isHeld = (name: string) => facts.held.includes(name) && running.includes(name);
    const { services: names, ...starting } = planStart(context, facts, args, facts.held.filter(isHeld));
    const held = names.filter(isHeld);
    const others = { running: running.filter((name) => !held.includes(name)), stale };
    const stopping = planStop(context, others, { names: args.names.filter((name) => !held.includes(name)) });
    const restarting = restartStep(held, { isRecorded: args.recorded === true });
    const isStopped = args.names.length === 0 || args.names.some((name) => !held.includes(name));
    const before = [...(isStopped ? stopping.steps : []), ...restarting];
    const steps = [...before, ...starting.steps].map((step) => ({ ...step, touches: true }));
    const previous = starting.releaseId ? { previousId: starting.releaseId } : {};
    const title = `Restart ${names.join(", ")}`;
    return [{ ...starting, ...previous, title, steps, revert: planBack(context, facts, names, args) }];
  },
};

/** @throws UsageError for a service that would be stopped, and has no unit yet to be started by */
function refuseUninstalled({ manifest, opsPath, flags }: Context, { units }: ManagedFacts): void {
  const places = new Set(definitionsOf(manifest).map(({ name }) => `systemd/${unitFileOf(manifest, name)}`));
  const missing = units.flatMap(({ installed, wanted }) =>
    wanted.filter((file) => places.has(file.place) && !installed.has(file.path)),
  );
  if (missing[0])
    throw new UsageError(`${missing[0].path} is not installed, and without it nothing is started again`, {
      next: command(`${opsPath}/systemd/install_systemd.ts`, ...flags),
    });
}

/** As they last ran healthy; one that is new never ran. */
function planBack(context: Context, facts: RestartFacts, names: string[], args: StartArgs): Step[] {
  const again = facts.recorded.map(({ name }) => name).filter((name) => names.includes(name));
  const named = args.names.length > 0 ? again : [];
  const starting = again.length > 0 ? planStart(context, facts, { names: named, recorded: true }).steps : [];
  return [...stopStep(names.toReversed()), ...starting];
}
