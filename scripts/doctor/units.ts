import fs from "node:fs";
import type { Context } from "../core/context.ts";
import type { TreeFacts } from "../core/observe.ts";
import { changesOf } from "../render/installed.ts";
import { keptOf } from "../api/kept.ts";
import { jobsOf } from "../schedule/jobs.ts";
import { observeUnits } from "../systemd/manager.ts";
import { scopeOf, whyNoManager } from "../systemd/systemctl.ts";
import { type Finding, note, ok } from "./finding.ts";

const lacksSuite = ({ manifest, paths }: Context) =>
  [...jobsOf(manifest, paths), keptOf(manifest, paths)].some((one) => one?.command) && !fs.existsSync(paths.ops);

/** Whether the installed units are those of the manifest; a switch installs them, so that it is no fault when they are not. */
export async function checkUnits(context: Context, { isTree }: Pick<TreeFacts, "isTree">): Promise<Finding[]> {
  const scope = scopeOf(context.manifest);
  // That a tree is not prepared, or has no suite for its jobs, is said of the tree.
  if (!scope || !isTree || lacksSuite(context)) return [];
  // Whether the manager answers at all is looked at elsewhere.
  if (whyNoManager(scope)) return [];
  const units = await observeUnits(context, context.manifest, scope);
  const changes = changesOf(units);
  if (changes.length + units.disabled.length === 0)
    return [ok("units", `${units.wanted.length} are as the manifest says`)];
  const enabled = units.disabled.map((unit) => `not enabled: ${unit}`);
  return [note("units", [...changes, ...enabled].join("\n"), "ops/systemd/install_systemd.ts")];
}
