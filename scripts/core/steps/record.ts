import type { RecordStep } from "../step.ts";
import { command } from "../step.ts";
import type { Kind } from "./kind.ts";

export const record: Kind<RecordStep> = {
  show(step, context) {
    const row = ["--release-id", step.releaseId, "--commit-sha", step.sha, "--status", step.status];
    return `${command(`${context.opsPath}/release/release-registry.ts`, "upsert", ...context.flags, ...row)} >/dev/null`;
  },
  apply: (step, context) => context.actions.record(step),
  done: () => false,
};
