import { UsageError } from "../core/errors.ts";
import { observeTree } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import type { Plan } from "../core/step.ts";
import type { Context } from "../core/context.ts";
import { type ActivationFacts, planActivation } from "../release/activation.ts";
import { observeActivation } from "../release/switch_current.ts";

/** `ops/data/migrate.ts`: brings the data to the schema of the release that is current. */
export const migrate: Operation<ActivationFacts, object> = {
  kind: "migrate",
  mayUseReserve: true,
  observe: (context) => observeActivation(context, currentOf(context)),
  plan: (context, facts) => [planMigration(context, facts)],
};

function currentOf(context: Context): string {
  const next = `${context.opsPath}/release/deploy.ts`;
  if (!context.manifest.migrate)
    throw new UsageError("the manifest has no migrate", { next: "name it in deploy.yaml" });
  const { releaseId } = observeTree(context.paths).current;
  if (releaseId === undefined) throw new UsageError("nothing is deployed: a deploy migrates by itself", { next });
  return releaseId;
}

const OF_A_SWITCH = new Set(["hook:before_switch", "hook:after_switch"]);

/** A switch to what is current already, with its migration: stop, back up, migrate, start, gate; and the way back. */
export function planMigration(context: Context, facts: ActivationFacts): Plan {
  const { id } = facts.target;
  const plan = planActivation(context, facts, "deploy");
  return {
    ...plan,
    title: `Migrate the data for ${id}`,
    steps: plan.steps.filter(({ key }) => !OF_A_SWITCH.has(key ?? "")),
    done: `The data is migrated for ${id}.`,
  };
}
