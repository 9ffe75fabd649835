import { observeTree, type TreeFacts } from "../core/observe.ts";
import type { Operation } from "../core/operate.ts";
import { refuseLater } from "../manifest/later.ts";
import { runningServices } from "./definitions.ts";
import { planStart, type StartArgs } from "./start.ts";
import { planStop } from "./stop.ts";

interface RestartFacts {
  tree: TreeFacts;
  running: string[];
}

/** `ops/service/restart.ts`: stops what runs, starts it from the release that is current. */
export const restartServices: Operation<RestartFacts, StartArgs> = {
  kind: "restart",
  mayUseReserve: true,
  async observe(context) {
    refuseLater(context.loaded);
    return { tree: observeTree(context.paths), running: await runningServices(context) };
  },
  // Starting is decided first: nothing is stopped that could not be started again.
  plan(context, { tree, running }, args) {
    const starting = planStart(context, tree, args);
    const stopping = planStop(context, running, { names: args.names });
    return [{ ...starting, title: starting.title.replace("Start", "Restart"), steps: [...stopping.steps, ...starting.steps] }];
  },
};
