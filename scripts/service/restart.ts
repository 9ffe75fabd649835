import type { Operation } from "../core/operation.ts";
import type { Step } from "../core/step.ts";
import type { Context } from "../core/context.ts";
import { observeNames, type ServiceNames } from "./definitions.ts";
import { observeStart, planStart, type StartArgs, type StartFacts } from "./start.ts";
import { stopStep } from "./steps.ts";
import { planStop } from "./stop.ts";

interface RestartFacts extends StartFacts {
  services: ServiceNames;
}

/** `ops/service/restart.ts`: stops what runs, starts it from the release that is current. */
export const restartServices: Operation<RestartFacts, StartArgs> = {
  kind: "restart",
  mayUseReserve: true,
  observe: async (context) => ({ ...(await observeStart(context)), services: await observeNames(context) }),
  // Starting is decided first: nothing is stopped that could not be started again.
  plan(context, facts, args) {
    const { services: names, ...starting } = planStart(context, facts, args);
    const stopping = planStop(context, facts.services, { names: args.names });
    const steps = [...stopping.steps, ...starting.steps].map((step) => ({ ...step, touches: true }));
    const previous = starting.releaseId ? { previousId: starting.releaseId } : {};
    const title = `Restart ${names.join(", ")}`;
    return [{ ...starting, ...previous, title, steps, revert: planBack(context, facts, names, args) }];
  },
};

/** As they last ran healthy; one that is new never ran. */
function planBack(context: Context, facts: RestartFacts, names: string[], args: StartArgs): Step[] {
  const again = facts.recorded.map(({ name }) => name).filter((name) => names.includes(name));
  const named = args.names.length > 0 ? again : [];
  const starting = again.length > 0 ? planStart(context, facts, { names: named, recorded: true }).steps : [];
  return [...stopStep(names.toReversed()), ...starting];
}
