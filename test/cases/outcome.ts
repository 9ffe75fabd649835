import path from "node:path";
import { type Context, suitePath } from "../../scripts/core/context.ts";
import { SwitchbackError } from "../../scripts/core/errors.ts";
import { showPlans, showStep } from "../../scripts/core/show.ts";
import { type Plan, quote, type Step } from "../../scripts/core/step.ts";
import { renderTreeCopy } from "../../scripts/manifest/trailer.ts";
import type { Case } from "./format.ts";

/** What a planner answered, in the words of a case. */
export type Outcome = Pick<Case, "plan" | "touches_from" | "discard" | "revert" | "notes" | "done" | "error">;

export interface Answer {
  plans: Plan[];
  error: SwitchbackError | undefined;
}

/** Asks for a plan; a refusal is an answer. */
export function answerOf(plan: () => Plan[]): Answer {
  try {
    const plans = plan();
    return { plans, error: plans.find(({ refusal }) => refusal)?.refusal };
  } catch (error) {
    if (error instanceof SwitchbackError) return { plans: [], error };
    throw error;
  }
}

/** An answer as a case writes it. */
export function outcomeOf(context: Context, { plans, error }: Answer): Outcome {
  const uid = process.geteuid?.() ?? 0;
  // The same lines whoever runs the tests.
  const asRoot = (text: string) => text.replaceAll("sudo -n ", "").replaceAll(`/run/user/${uid}`, "/run/user/0");
  const plain = (text: string) => asRoot(text.replaceAll(suitePath, path.dirname(context.opsPath)));
  const steps = (list: Step[]) => list.map((step) => plain(renderStep(context, step))).join("");
  const touching = plans.flatMap((plan) => plan.steps).find((step) => step.touches)?.title;
  const heading = ({ title }: Plan) => `# ${plain(title)}\n`;
  return {
    plan: plans.length > 0 ? plans.map((plan) => heading(plan) + steps(plan.steps)).join("") : undefined,
    touches_from: touching === undefined ? undefined : plain(touching),
    discard: steps(plans.flatMap((plan) => plan.discard)),
    revert: steps(plans.flatMap((plan) => plan.revert)),
    notes: plans.flatMap((plan) => plan.notes ?? []).map(plain),
    done: plans.flatMap((plan) => plan.done || []).map(plain),
    error: error && { message: plain(error.message), exit: error.exit, next: error.next.map(plain) },
  };
}

// The manifest's copy is the same text in all cases: it is named, where it is exactly that.
function renderStep(context: Context, step: Step): string {
  const shell = showStep(step, context).replaceAll(quote(renderTreeCopy(context.loaded)), "<deploy.yaml>");
  return `## ${step.title}${step.optional ? " (optional)" : ""}\n${shell}\n`;
}

/** The paste that `--dry-run` prints. */
export const pasteOf = (context: Context, plans: Plan[]) => showPlans(plans, { opsPath: context.opsPath, flags: context.flags });
