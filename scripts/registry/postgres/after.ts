import fs from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { Context } from "../../core/context.ts";
import { reporter } from "../../terminal/reporter.ts";
import { openDatabase } from "../database.ts";
import { countWaiting, getFact, setFact } from "../outbox.ts";
import { showAddress } from "./address.ts";
import { withServer } from "./connection.ts";
import { ServerError } from "./problem.ts";
import { prepareToPush, push, type Pushed } from "./push.ts";
import { targetOf } from "./target.ts";

type Place = Pick<Context, "manifest" | "paths" | "opsPath">;

/** What a command waits for at most once it has answered. */
const TOTAL_MS = 3000;
/** For so long after a server was not there, a command that is called again and again does not look for it again. */
const PAUSE_MS = 60_000;

/**
 * Pushes what waits, after an operation: never fails, never takes longer than three seconds, and says in one warning what is left.
 * `isOften`: the command may be called many times in a deploy.
 */
export async function pushAfter(context: Place, { isOften = false } = {}): Promise<void> {
  if (!fs.existsSync(context.paths.registry)) return;
  const ending = new AbortController();
  const end = () => ending.abort();
  // The operation's exit code stands: who is in a hurry gets it at once.
  process
    .on("SIGINT", end)
    .on("SIGTERM", end)
    .on("SIGHUP", () => {});
  const database = openDatabase(context.paths.registry);
  try {
    if (prepareToPush(database) === 0) return;
    if (isOften && Date.now() - Date.parse(getFact(database, "unreachable_at") ?? "1970-01-01") < PAUSE_MS) return;
    await pushNow(context, database, ending.signal);
  } finally {
    database.close();
    process.off("SIGINT", end).off("SIGTERM", end);
  }
}

async function pushNow(context: Place, database: DatabaseSync, signal: AbortSignal): Promise<void> {
  let told = 0;
  try {
    const target = targetOf(context, process.env);
    if (!target) return;
    const about = { app: context.manifest.app, deployTo: context.paths.deployTo };
    const options = { file: target.file, env: process.env, totalMs: TOTAL_MS, patienceMs: TOTAL_MS, signal };
    const pushed = await withServer(target.address, options, (connection) =>
      push(database, about, connection, (count) => void (told = count)),
    );
    setFact(database, "unreachable_at", "");
    warnOfTable(database, pushed);
    if (pushed.isCopy)
      reporter().warn(
        `this tree is a copy of another one: ${showAddress(target.address)} knows it by a name of its own now`,
      );
  } catch (error) {
    // It was there, and it was too much for the time: on standard error, as a script may read a command's answer.
    if (told > 0) return reporter().warn(`${told} records pushed to the registry, ${leftOf(context, database)}`);
    setFact(database, "unreachable_at", new Date().toISOString());
    reporter().warn(`${(error as Error).message}: ${leftOf(context, database)}`);
    if (error instanceof ServerError) for (const line of error.next) reporter().warn(`to type: ${line}`);
  }
}

function leftOf({ opsPath }: Place, database: DatabaseSync): string {
  const count = countWaiting(database) ?? 0;
  return `${count} ${count === 1 ? "record waits" : "records wait"}; ${opsPath}/release/release-registry.ts sync pushes them`;
}

/** What is wrong with the team's table is said when it is new. */
function warnOfTable(database: DatabaseSync, { tableProblems }: Pushed): void {
  const now = tableProblems.join("; ");
  if (now === (getFact(database, "table_warned") ?? "")) return;
  setFact(database, "table_warned", now);
  if (now !== "") reporter().warn(`the registry's table releases: ${now}; switchback_releases has all of it`);
}
