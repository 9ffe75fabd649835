import type { DatabaseSync } from "node:sqlite";
import { getRow, type ReleaseRow, type Upsert, upsertRow, upsertRows } from "../registry/releases.ts";
import type { Context } from "./context.ts";
import { observeRelease } from "./observe.ts";
import type { Paths } from "./paths.ts";
import { reporter } from "../terminal/reporter.ts";
import type { Actions, ApplyContext } from "./steps/kind.ts";
import type { SuiteCommand, WaitStep } from "./step.ts";

/** What the suite's own commands mean inside an operation; each is loaded only when a plan has it. */
export function createActions(context: Context, database: DatabaseSync): Actions {
  return {
    call: (command, apply) => call(context, command, apply, database),
    wait: (step, signal) =>
      step.until === "idle" ? waitForIdle(context, step, signal) : waitForHealth(context, step, signal),
    record: (changes) => applyRecords(context.paths, database, changes),
    used,
    end: async () => (await import("../database/hold.ts")).endJobHold(context.paths),
  };
}

async function call(
  context: Context,
  { ops, args }: SuiteCommand,
  apply: ApplyContext,
  database: DatabaseSync,
): Promise<void> {
  const names = args.filter((word) => !word.startsWith("--"));
  if (ops === "service/start") {
    const { applyStart } = await import("../service/start.ts");
    return applyStart(context, names, { recorded: args.includes("--recorded") });
  }
  if (ops === "service/restart") {
    const { applyRestart } = await import("../service/start.ts");
    return applyRestart(context, names, { recorded: args.includes("--recorded") });
  }
  if (ops === "service/stop") return (await import("../service/stop.ts")).applyStop(context, names);
  if (ops === "release/build_release") return (await import("../build/part.ts")).applyPart(context, args.slice(1));
  if (ops === "data/backup" || ops === "data/restore" || ops === "data/migrate")
    return (await import("../database/part.ts")).applyDataPart(context, { ops, args }, apply, database);
  if (ops === "host/secrets") return (await import("../host/secrets.ts")).applyMissingSecrets(context);
  return (await import("../shared/take-over.ts")).applyTakeOver(names[0] as string, names[1] as string);
}

async function used(directory: string, names: string[]): Promise<string[]> {
  const { usersBelow } = await import("../processes/users-below.ts");
  const users = usersBelow(directory);
  const found = names.filter((name) => users.has(name));
  for (const name of found) reporter().warn(`${name} stays: it is in use by now, by ${users.get(name)}`);
  return found;
}

async function waitForHealth(context: Context, step: WaitStep, signal: AbortSignal | undefined): Promise<void> {
  const { applyHealthCheck } = await import("../health/check.ts");
  await applyHealthCheck(context, step, signal);
}

async function waitForIdle(context: Context, step: WaitStep, signal: AbortSignal | undefined): Promise<void> {
  const { applyDrain } = await import("../health/drain.ts");
  await applyDrain(context, step, signal);
}

/** A registry row, with what a complete release says of itself. */
export const applyRecord = (paths: Paths, database: DatabaseSync, change: Upsert): ReleaseRow =>
  upsertRow(database, withSize(paths, database, change));

/** Registry rows, all or none. */
export function applyRecords(paths: Paths, database: DatabaseSync, changes: Upsert[]): void {
  upsertRows(
    database,
    changes.map((change) => withSize(paths, database, change)),
  );
}

function withSize(paths: Paths, database: DatabaseSync, change: Upsert): Upsert {
  const isNew = getRow(database, change.releaseId)?.bytes == null;
  const release = isNew || change.status === "built" ? observeRelease(paths, change.releaseId) : undefined;
  return { ...change, bytes: release?.bytes, ownBytes: release?.ownBytes };
}
