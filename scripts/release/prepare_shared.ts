import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import type { Operation } from "../core/operation.ts";
import type { Plan, Step } from "../core/step.ts";
import { renderTreeCopy } from "../manifest/trailer.ts";
import { planEntry, planSecrets } from "../shared/entries.ts";
import { observePrepare, type PrepareArgs, type PrepareFacts } from "../shared/facts.ts";
import { planTree } from "../shared/linked.ts";
import { whyMissing } from "../shared/missing.ts";
import { planSuite } from "../suite/install.ts";
import { planTakeOver } from "./taking-over.ts";

/** `ops/release/prepare_shared.ts`: the one-time set-up of the tree and its state. */
export const prepareShared: Operation<PrepareFacts, PrepareArgs> = {
  kind: "prepare",
  observe: observePrepare,
  plan: (context, facts, args) => [
    withFiles(
      context,
      facts,
      args.phase === "link" ? planPhaseOne(context, facts) : planTakeOver(context, facts, args.phase),
    ),
  ],
};

/** Phase 1 (seed 000): links to the checkout, the lowest risk; no service is touched. A host has no checkout, and links to nothing. */
function planPhaseOne(context: Context, facts: PrepareFacts): Plan {
  const refusal = whyMissing(context, facts.shared);
  if (refusal instanceof UsageError) throw refusal;
  return {
    ...(refusal ? { refusal } : {}),
    title: `Prepare ${context.paths.deployTo}`,
    steps: [...planTree(context), ...facts.shared.flatMap(planEntry), ...planSecrets(context, facts.shared)],
    discard: [],
    revert: [],
    done: [
      `${context.paths.deployTo} is prepared.`,
      ...facts.shared
        .filter(({ state, hasSource, value_from: from }) => state === "absent" && hasSource && !from)
        .map((fact) => `  shared/${fact.shared} -> ${fact.sourcePath}`),
    ].join("\n"),
  };
}

/** The manifest and the suite, so that cron lines and the runbook need no checkout. */
function withFiles(context: Context, { suite }: PrepareFacts, plan: Plan): Plan {
  const manifest: Step = {
    kind: "write",
    title: "Copy the manifest into the tree",
    path: context.paths.manifest,
    content: renderTreeCopy(context.loaded),
    mode: 0o600,
  };
  return { ...plan, steps: [...plan.steps, manifest, ...planSuite(context, suite)] };
}
