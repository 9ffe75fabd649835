import type { Context } from "../core/context.ts";
import type { Step } from "../core/step.ts";
import type { SetFact } from "./facts.ts";

/** Makes what is not complete, in its final directory, and links every set into the release `id`. */
export function planSets(_context: Context, _id: string, _sets: SetFact[]): Step[] {
  return [];
}

/** Takes away what a failed build left of a set; one that is complete stays for the next try. */
export function planSetDiscard(_sets: SetFact[]): Step[] {
  return [];
}
