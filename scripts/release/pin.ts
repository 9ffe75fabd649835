import { createActions } from "../core/actions.ts";
import { pushAfterwards } from "../core/afterwards.ts";
import type { Context } from "../core/context.ts";
import { openDatabase } from "../registry/database.ts";
import { answer, type Call } from "../core/entry.ts";
import { EXIT, UsageError } from "../core/errors.ts";
import { Journal, openOperations, operationId } from "../registry/journal.ts";
import { acquireLock, releaseLock } from "../core/lock.ts";
import { observeTree } from "../core/observe.ts";
import { signal } from "../core/operate.ts";
import { reporter } from "../terminal/reporter.ts";
import { command } from "../core/step.ts";
import { checkedId } from "../core/release-id.ts";
import { recoverInterrupted } from "./recover-first.ts";
import { setPinned } from "../registry/releases.ts";
import { showCommand } from "./show-command.ts";
import { entryOf, showOperation } from "./timeline.ts";

/** What `pin --json` and `unpin --json` give. */
interface Pinned {
  release_id: string;
  is_pinned: boolean;
  message: string;
}

type PinVerb = "pin" | "unpin";

/**
 * Keeps a release from being pruned, or no longer. Under the lock: what a prune decided meanwhile must not be told as pinned.
 * One column of one row, so it has a record among the operations but no steps.
 * @throws UsageError for a release that the registry does not know, or that is not there to be kept.
 */
async function applyPin(context: Context, verb: PinVerb, id: string): Promise<Pinned> {
  refuseImpossible(context, verb, id);
  const { paths } = context;
  acquireLock(paths.lock, () => holderOf(context));
  pushAfterwards(context);
  const database = openDatabase(paths.registry);
  try {
    if (openOperations(database).length > 0)
      await recoverInterrupted(context, database, createActions(context, database), signal());
    const wasPinned = refuseImpossible(context, verb, id);
    const isPinned = verb === "pin";
    const message = `${id} is ${isPinned ? "pinned" : "not pinned"}${wasPinned === isPinned ? " already" : ""}.`;
    const journal = new Journal(database, operationId(verb));
    journal.begin(verb, [JSON.stringify({ id })]);
    journal.about({ releaseId: id }, undefined);
    setPinned(database, id, isPinned);
    journal.finish("done", EXIT.done, message);
    return { release_id: id, is_pinned: isPinned, message };
  } finally {
    database.close();
    releaseLock();
  }
}

/** The body of both commands. */
export async function pinOrUnpin<Options>(call: Call<Options>, verb: PinVerb): Promise<void> {
  const context = await call.context();
  const id = call.args[0] as string;
  if (call.options.dryRun) return answer({}, undefined, showPin(context, verb, id));
  const pinned = await applyPin(context, verb, id);
  reporter().say(pinned.message);
  if (call.options.json) answer(call.options, pinned, "");
}

function showPin(context: Context, verb: PinVerb, id: string): string {
  refuseImpossible(context, verb, id);
  const line = command(`${context.opsPath}/release/${verb}.ts`, ...context.flags, id);
  return showCommand(`${verb === "pin" ? "Pin" : "Unpin"} ${id}`, line);
}

/** Whether the release is pinned now. */
function refuseImpossible({ paths, opsPath }: Context, verb: PinVerb, id: string): boolean {
  const { rows, ids } = observeTree(paths);
  const row = rows.get(checkedId(id));
  const isThere = ids.includes(id);
  if (row && (isThere || verb === "unpin")) return row.is_pinned === 1;
  if (row)
    throw new UsageError(`${id} is ${row.status} and no longer in ${paths.releases}: there is nothing to keep`, {
      next: `${opsPath}/release/list.ts`,
    });
  if (!isThere)
    throw new UsageError(`there is no release ${id} in ${paths.releases}`, { next: `${opsPath}/release/list.ts` });
  // Recorded as built, a later unpin would let it be pruned; as it is, it never will be.
  throw new UsageError(`the registry does not know ${id}, and what it does not know is never pruned: it needs no pin`, {
    next: `${opsPath}/release/release-registry.ts upsert --release-id ${id} --commit-sha <sha> --status built`,
  });
}

function holderOf({ paths }: Context): string {
  const holder = observeTree(paths).open.at(-1);
  return holder ? showOperation(entryOf(paths, holder)) : `${paths.lock} is held`;
}
