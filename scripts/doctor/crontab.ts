import fs from "node:fs";
import type { Context } from "../core/context.ts";
import { SwitchbackError } from "../core/errors.ts";
import type { TreeFacts } from "../core/observe.ts";
import { observeCrontab } from "../schedule/install_crontab.ts";
import { jobsOf } from "../schedule/jobs.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

const INSTALL = "ops/schedule/install_crontab.ts";

/** Whether cron starts the manifest's jobs where nothing else does, and starts none that a manager starts. */
export function checkCrontab(context: Context, { isTree }: Pick<TreeFacts, "isTree">): Finding[] {
  const { manifest, paths } = context;
  // That a tree is not prepared, or has no suite for its jobs, is said of the tree.
  if (!isTree || !fs.existsSync(paths.ops)) return [];
  const isByCron = manifest.supervisor === "pidfile";
  const wanted = isByCron ? jobsOf(manifest, paths).map(({ name }) => name) : [];
  try {
    const { now, wanted: after } = observeCrontab(context);
    if (now === after) return wanted.length > 0 ? [ok("crontab", wanted.join(", "))] : [];
    if (wanted.length > 0)
      return [note("crontab", `not as the manifest says: cron is to start ${wanted.join(", ")}`, INSTALL)];
    const why = isByCron ? "the manifest has none" : `${manifest.supervisor} starts them too`;
    return [wrong("crontab", `cron starts jobs of this tree, and ${why}`, INSTALL)];
  } catch (error) {
    if (!(error instanceof SwitchbackError)) throw error;
    return wanted.length > 0 ? [wrong("crontab", error.message, ...error.next)] : [];
  }
}
