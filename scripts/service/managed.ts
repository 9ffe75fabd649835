import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import type { LaunchdFacts } from "../launchd/plist-steps.ts";
import { proxyUnitOf, socketUnitOf } from "../systemd/names.ts";
import { type Scope, scopeOf, showUnits } from "../systemd/systemctl.ts";
import type { UnitFacts } from "../systemd/unit-steps.ts";
import { definitionsOf } from "./definitions.ts";
import { changesOf, type ManagedFacts } from "./managed-steps.ts";
import { servingManifestOf } from "./supervisors.ts";

/** Looks at what the managers know of a tree: that of the supervisor that serves, and of the one that a manifest wants. */
export async function observeManaged(context: Context, manifest: Manifest): Promise<ManagedFacts> {
  const serving = await servingManifestOf(context);
  const units = await observeScopes(context, manifest, [...new Set([scopeOf(serving), scopeOf(manifest)])]);
  const own = units.find(({ scope }) => scope === scopeOf(manifest));
  const plists = [serving, manifest].some(isByLaunchd) ? [await observePlists(context, manifest)] : [];
  return { units, plists, held: own ? heldNow(manifest, own) : [] };
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
  const units = await Promise.all(
    known.map(async (scope) => {
      const facts = await observeUnits(context, manifest, scope);
      return scope === scopeOf(manifest)
        ? facts
        : { ...facts, wanted: [], toEnable: [], disabled: [], missingLogs: [] };
    }),
  );
  const { refuseWithoutPrivileges } = await import("../systemd/privileges.ts");
  await refuseWithoutPrivileges(
    context,
    units.some((one) => one.disabled.length > 0 || changesOf(one).length > 0),
  );
  return units;
}

async function observePlists(context: Context, manifest: Manifest): Promise<LaunchdFacts> {
  const { observeLaunchd } = await import("../launchd/manager.ts");
  const facts = observeLaunchd(context, manifest);
  return isByLaunchd(manifest) ? facts : { ...facts, wanted: [] };
}

/** A socket that is open already, and stays as it is. */
function heldNow(manifest: Manifest, { scope, wanted, installed }: UnitFacts): string[] {
  const held = definitionsOf(manifest).filter(({ isHeld }) => isHeld);
  const states = showUnits(
    scope,
    held.map(({ name }) => socketUnitOf(manifest, name)),
    ["ActiveState"],
  );
  // An instance is described by its template.
  const fileOf = (unit: string) => unit.replace(/@[^@]*(?=\.\w+$)/, "@");
  const isSame = (unit: string) =>
    wanted.every(
      ({ place, path: file, content }) => place !== `systemd/${fileOf(unit)}` || installed.get(file) === content,
    );
  return held
    .map(({ name }) => name)
    .filter((_, index) => states[index]?.["ActiveState"] === "active")
    .filter((name) => isSame(socketUnitOf(manifest, name)) && isSame(proxyUnitOf(manifest, name)));
}
