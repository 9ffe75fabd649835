import type { Context } from "./context.ts";
import type { Plan } from "./step.ts";

/** An operation that changes the host: what it looks at, and what it decides from that. */
export interface Operation<Facts, Args> {
  /** Word under which the journal and the log keep it. */
  kind: string;
  /** It gives room back or brings back what served: on a full disk it may use what was kept for that. */
  mayUseReserve?: boolean;
  observe(context: Context, args: Args): Facts | Promise<Facts>;
  /** Pure. More than one plan: each stands when the next one fails. */
  plan(context: Context, facts: Facts, args: Args): Plan[];
}
