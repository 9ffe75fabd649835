import type { WaitStep } from "../step.ts";
import { command } from "../step.ts";
import type { Kind } from "./kind.ts";

export const wait: Kind<WaitStep> = {
  show(step, context) {
    const what = step.until === "idle" ? ["--until-idle", ...(step.strict ? ["--strict"] : [])] : [];
    const only = step.only ? ["--only", step.only.join(",")] : [];
    const how = [...(step.recorded ? ["--recorded"] : []), ...(step.smoke ? ["--smoke"] : []), ...only];
    const target = ["--release", step.releaseId];
    return command(`${context.opsPath}/release/health_check.ts`, ...context.flags, ...what, ...target, ...how);
  },
  apply: (step, context) => context.actions.wait(step, context.signal),
  done: () => false,
};
