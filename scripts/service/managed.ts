import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { socketUnitOf } from "../systemd/names.ts";
import { scopeOf, showUnits } from "../systemd/systemctl.ts";
import type { UnitFacts } from "../systemd/unit-steps.ts";
import { definitionsOf } from "./definitions.ts";
import { type ManagedFacts, UNMANAGED } from "./managed-steps.ts";
import { servingManifestOf } from "./supervisors.ts";

/** Looks at the units of a tree: those of the supervisor that serves, and of the one that a manifest wants. */
export async function observeManaged(context: Context, manifest: Manifest): Promise<ManagedFacts> {
  const scope = scopeOf(manifest);
  const before = scopeOf(await servingManifestOf(context));
  if (!scope && !before) return UNMANAGED;
  const { observeUnits } = await import("../systemd/manager.ts");
  const { refuseWithoutPrivileges } = await import("../systemd/privileges.ts");
  const scopes = [...new Set([before, scope])].flatMap((one) => one ?? []);
  const units = await Promise.all(
    scopes.map(async (one) => {
      const facts = await observeUnits(context, manifest, one);
      return one === scope ? facts : { ...facts, wanted: [], toEnable: [], disabled: [] };
    }),
  );
  const own = units.find((one) => one.scope === scope);
  await refuseWithoutPrivileges(context, units.some(isChanged));
  return { units, held: own ? heldNow(manifest, own) : [] };
}

const isChanged = ({ installed, wanted, disabled }: UnitFacts) =>
  disabled.length > 0 ||
  installed.size !== wanted.length ||
  wanted.some(({ path: file, content }) => installed.get(file) !== content);

/** A socket that is open already, and stays as it is. */
function heldNow(manifest: Manifest, { scope, wanted, installed }: UnitFacts): string[] {
  const held = definitionsOf(manifest).filter(({ isHeld }) => isHeld);
  const states = showUnits(
    scope,
    held.map(({ name }) => socketUnitOf(manifest, name)),
    ["ActiveState"],
  );
  const isSame = (name: string) => {
    const { path: file, content } =
      wanted.find(({ place }) => place === `systemd/${socketUnitOf(manifest, name)}`) ?? {};
    return file !== undefined && installed.get(file) === content;
  };
  return held
    .map(({ name }) => name)
    .filter((name, index) => states[index]?.["ActiveState"] === "active" && isSame(name));
}
