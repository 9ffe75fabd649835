import type { Context } from "../core/context.ts";
import type { Step } from "../core/step.ts";
import { textsOf, type UnitFacts, unitSteps } from "../systemd/unit-steps.ts";

/** What service managers know of a tree, and what they have to know for a manifest. */
export interface ManagedFacts {
  units: UnitFacts[];
  /** Services whose socket stays open while they restart. */
  held: string[];
}

/** Nothing but pid files. */
export const UNMANAGED: ManagedFacts = { units: [], held: [] };

/** Makes what the managers know what they have to know. */
export const managedSteps = (context: Context, { units }: ManagedFacts): Step[] =>
  units.flatMap(({ scope, installed, wanted, disabled }) =>
    unitSteps(context, { scope, from: installed, to: textsOf(wanted), enable: disabled }),
  );

/** Makes it what it was. */
export const managedBack = (context: Context, { units }: ManagedFacts): Step[] =>
  units.flatMap(({ scope, installed, wanted }) =>
    unitSteps(context, { scope, from: textsOf(wanted), to: installed, enable: [] }),
  );
