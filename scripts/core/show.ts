import { type Plan, quote, type Step } from "./step.ts";
import type { ShowContext } from "./steps/kind.ts";
import { kindOf } from "./steps/kinds.ts";

/** The step as POSIX shell. */
export const showStep = (step: Step, context: ShowContext) => kindOf(step).show(step, context);

const indented = (text: string, by: string) => by + text.replaceAll("\n", `\n${by}`);

/**
 * Plans as one paste for the host's `sh`: a subshell that stops at the first failure, absolute paths only.
 * A step is one or more lines of its own, because `set -e` overlooks a failure inside an `&&` list.
 */
export function showPlans(
  plans: Plan[],
  context: ShowContext,
  overrides: (readonly [name: string, value: string])[] = [],
): string {
  const exported = overrides.map(([name, value]) => `  export ${name}=${quote(value)}`);
  const blocks = plans.map(({ title, notes = [], steps }) => [
    ...[title, ...notes].map((line) => indented(line, "  # ")),
    ...steps.map((step) => `${indented(step.title, "  # - ")}\n${showLines(step, context)}`),
  ]);
  return `(\n  set -eu\n${[...exported, ...blocks.flat()].join("\n")}\n)`;
}

// Only the first line of a step is indented: a quoted word may run over several, and keeps its own white space.
function showLines(step: Step, context: ShowContext): string {
  const lines = showStep(step, context);
  return step.optional ? `  { ${lines}\n  } || true` : `  ${lines}`;
}
