import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import type { TreeFacts } from "../core/observe.ts";
import { observeTree } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import type { Plan } from "../core/step.ts";
import type { DataChoice } from "../database/crossing.ts";
import { type ActivationFacts, planActivation } from "./activation.ts";
import { checkedId } from "../core/release-id.ts";
import { isGood, lineFrom } from "../registry/releases.ts";
import { observeActivation } from "./switch_current.ts";

export interface RollbackArgs extends DataChoice {
  id?: string | undefined;
}

/** `ops/release/rollback.ts [id]`: back to the release that served before, or to the named one. */
export const rollback: Operation<ActivationFacts, RollbackArgs> = {
  kind: "rollback",
  mayUseReserve: true,
  observe(context, args) {
    const target = args.id ?? lastGood(context, observeTree(context.paths));
    return observeActivation(context, checkedId(target), { ...args, isBack: true });
  },
  plan: (context, facts, args) => [planRollback(context, facts, args)],
};

/** The good release that served before the one that is current. @throws UsageError when there is none. */
export function lastGood(context: Context, tree: TreeFacts): string {
  const found = goodBefore(tree);
  if (found) return found;
  throw new UsageError(
    `there is no earlier good release to roll back to${tree.current.releaseId ? ` from ${tree.current.releaseId}` : ""}`,
    {
      next: [`${context.opsPath}/release/list.ts`, `${context.opsPath}/release/rollback.ts <id>`],
    },
  );
}

/** The latest good release of the line that is still there. */
export const goodBefore = (tree: TreeFacts): string | undefined =>
  lineBefore(tree).find((id) => tree.ids.includes(id) && isGood(tree.rows.get(id)?.status ?? ""));

/** Release ids that served before the one that is current, the latest first. */
export const lineBefore = ({ rows, current }: TreeFacts): string[] => [...lineFrom(rows, current.releaseId)].slice(1);

/** A rollback to a release that is not there leaves its row (seed 004), and touches nothing else. */
export function planRollback(context: Context, facts: ActivationFacts, choice: DataChoice = {}): Plan {
  const { target, tree } = facts;
  if (target.id === tree.current.releaseId)
    throw new UsageError(`${target.id} is current already: there is nothing to roll back`, {
      next: `${context.opsPath}/release/list.ts`,
    });
  if (target.isComplete) return planActivation(context, facts, "rollback", choice);
  const refusal = new UsageError(
    `there is no ${target.isBuilding ? "complete " : ""}release ${target.id} to roll back to; nothing was touched`,
    {
      next: `${context.opsPath}/release/list.ts`,
    },
  );
  const status = "rollback_target_missing";
  const steps: Plan["steps"] = context.overrides.isRegistrySkipped
    ? []
    : [{ kind: "record", title: `Record ${target.id} as ${status}`, releaseId: target.id, sha: "", status }];
  return { title: `Roll back to ${target.id}`, steps, discard: [], revert: [], done: "", refusal };
}
