import type { ContextChoice } from "./context.ts";
import { answer, type Call } from "./entry.ts";
import { operate } from "./operate.ts";
import type { Operation } from "./operation.ts";

/** The body of every command that changes something: climb the staircase, answer how it ended. */
export async function change<Facts, Args, Options>(
  call: Call<Options>,
  operation: Operation<Facts, Args>,
  args: Args,
  choice: ContextChoice = {},
): Promise<void> {
  const outcome = await operate(operation, await call.context(choice), args, call.options);
  if (outcome && call.options.json) answer(call.options, outcome, "");
}
