import { observeTree, type TreeFacts } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import { refuseLater } from "../manifest/later.ts";
import { observeNames, type ServiceNames } from "./definitions.ts";
import { planStart, type StartArgs } from "./start.ts";
import { stopStep } from "./steps.ts";
import { planStop } from "./stop.ts";

interface RestartFacts {
  tree: TreeFacts;
  services: ServiceNames;
}

/** `ops/service/restart.ts`: stops what runs, starts it from the release that is current. */
export const restartServices: Operation<RestartFacts, StartArgs> = {
  kind: "restart",
  mayUseReserve: true,
  async observe(context) {
    refuseLater(context.loaded);
    return { tree: observeTree(context.paths), services: await observeNames(context) };
  },
  // Starting is decided first: nothing is stopped that could not be started again.
  plan(context, { tree, services }, args) {
    const starting = planStart(context, tree, args);
    const stopping = planStop(context, services, { names: args.names });
    const names = starting.services;
    const steps = [...stopping.steps, ...starting.steps].map((step) => ({ ...step, touches: true }));
    const revert = [
      ...stopStep(names.toReversed()),
      ...planStart(context, tree, { names: args.names, recorded: true }).steps,
    ];
    return [
      {
        ...starting,
        title: `Restart ${names.join(", ")}`,
        steps,
        revert,
        ...(starting.releaseId ? { previousId: starting.releaseId } : {}),
      },
    ];
  },
};
