import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import type { LaunchdFacts } from "../launchd/plist-steps.ts";
import { changesOf } from "../render/installed.ts";
import { type Scope, scopeOf } from "../systemd/systemctl.ts";
import type { UnitFacts } from "../systemd/unit-steps.ts";
import type { ManagedFacts } from "./managed-steps.ts";
import { servingManifestOf } from "./supervisors.ts";

/** Looks at what the managers know of a tree: that of the supervisor that serves, and of the one that a manifest wants. */
export async function observeManaged(context: Context, manifest: Manifest): Promise<ManagedFacts> {
  const serving = await servingManifestOf(context);
  const units = await observeScopes(context, manifest, [...new Set([scopeOf(serving), scopeOf(manifest)])]);
  const own = units.find(({ scope }) => scope === scopeOf(manifest));
  const plists = [serving, manifest].some(isByLaunchd) ? [await observePlists(context, manifest)] : [];
  return { units, plists, held: own ? await observeHeld(manifest, own) : [] };
}

const isByLaunchd = ({ supervisor }: Manifest) => supervisor === "launchd";

async function observeScopes(
  context: Context,
  manifest: Manifest,
  scopes: (Scope | undefined)[],
): Promise<UnitFacts[]> {
  const known = scopes.flatMap((scope) => scope ?? []);
  if (known.length === 0) return [];
  const { observeUnits } = await import("../systemd/manager.ts");
  const units = await Promise.all(known.map((scope) => observeUnits(context, manifest, scope)));
  const { refuseWithoutPrivileges } = await import("../systemd/privileges.ts");
  await refuseWithoutPrivileges(
    context,
    units.some((one) => one.disabled.length > 0 || changesOf(one).length > 0),
  );
  return units;
}

async function observeHeld(manifest: Manifest, units: UnitFacts): Promise<string[]> {
  const { openSockets } = await import("../systemd/manager.ts");
  return openSockets(manifest, units);
}

async function observePlists(context: Context, manifest: Manifest): Promise<LaunchdFacts> {
  const { observeLaunchd } = await import("../launchd/manager.ts");
  const facts = observeLaunchd(context, manifest);
  return isByLaunchd(manifest) ? facts : { ...facts, wanted: [] };
}
