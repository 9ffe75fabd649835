import type { Context } from "../core/context.ts";
import { changesOf } from "../service/managed-steps.ts";
import { observeUnits } from "../systemd/manager.ts";
import { scopeOf, whyNoManager } from "../systemd/systemctl.ts";
import { type Finding, note, ok } from "./finding.ts";

/** Whether the installed units are those of the manifest; a switch installs them, so that it is no fault when they are not. */
export async function checkUnits(context: Context): Promise<Finding[]> {
  const scope = scopeOf(context.manifest);
  if (!scope) return [];
  // Whether the manager answers at all is looked at elsewhere.
  if (whyNoManager(scope)) return [];
  const units = await observeUnits(context, context.manifest, scope);
  const changes = changesOf(units);
  if (changes.length + units.disabled.length === 0)
    return [ok("units", `${units.wanted.length} are as the manifest says`)];
  const enabled = units.disabled.map((unit) => `not enabled: ${unit}`);
  return [note("units", [...changes, ...enabled].join("\n"), "ops/systemd/install_systemd.ts")];
}
