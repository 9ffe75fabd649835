import fs from "node:fs";
import { allOf, type RecordStep } from "../step.ts";
import { command, quote } from "../step.ts";
import type { Kind } from "./kind.ts";

export const record: Kind<RecordStep> = {
  show(step, context) {
    const upsert = [`${context.opsPath}/release/release-registry.ts`, "upsert", ...context.flags];
    const lines = allOf(step).map(({ releaseId, sha, status, unless }) => {
      const guard = unless === undefined ? "" : `[ -e ${quote(unless)} ] || `;
      const row = ["--release-id", releaseId, "--commit-sha", sha, "--status", status];
      return `${guard}${command(...upsert, ...row)} >/dev/null`;
    });
    return lines.join("\n");
  },
  apply(step, context) {
    const changes = allOf(step).filter(({ unless }) => unless === undefined || !fs.existsSync(unless));
    context.actions.record(changes);
  },
  done: () => false,
};
