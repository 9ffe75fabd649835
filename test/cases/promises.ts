import path from "node:path";
import type { Context } from "../../scripts/core/context.ts";
import { allOf, type Plan, type Step } from "../../scripts/core/step.ts";

/** What no plan may ever do, whatever the facts (SPEC section 5); empty: it keeps all promises. */
export function problemsOf(context: Context, plans: Plan[]): string[] {
  const all = plans.flatMap(({ steps, discard, revert }) => [...steps, ...discard, ...revert]);
  return [...all.flatMap(relativePaths), ...plans.flatMap((plan) => untouched(context, plan)), ...lossOfCurrent(context, plans)];
}

/** All that a step does at one go. */
const partsOf = (step: Step) => ("more" in step ? allOf(step) : [step]);

function relativePaths(step: Step): string[] {
  const places = partsOf(step).flatMap((one) => ("path" in one ? [one.path] : "from" in one ? [one.from, one.to] : []));
  return places.filter((place) => !path.isAbsolute(place)).map((place) => `${step.title}: ${place} is relative`);
}

const isSwitching = (context: Context, step: Step) =>
  ("path" in step && step.path === context.paths.current) || (step.kind === "run" && "ops" in step.run && step.run.ops.startsWith("service/"));

// A plan with a revert says from where on it is needed.
function untouched(context: Context, { title, steps, revert }: Plan): string[] {
  if (revert.length === 0) return [];
  const first = steps.findIndex((step) => isSwitching(context, step));
  const touching = steps.findIndex((step) => step.touches);
  return first >= 0 && (touching < 0 || touching > first) ? [`${title}: ${steps[first]?.title} touches what serves, and does not say so`] : [];
}

/** A release that a plan has made current is not taken away by what follows it. */
function lossOfCurrent({ paths }: Context, plans: Plan[]): string[] {
  const steps = plans.flatMap((plan) => plan.steps);
  const link = steps.findLast((step) => step.kind === "link" && step.path === paths.current);
  if (link?.kind !== "link") return [];
  const now = path.resolve(path.dirname(paths.current), link.target);
  const gone = steps.filter((step) =>
    partsOf(step).some((one) => ("from" in one && one.from === now) || (step.kind === "remove" && "path" in one && one.path === now)),
  );
  return gone.map((step) => `${step.title}: that is the release that is current by then`);
}
