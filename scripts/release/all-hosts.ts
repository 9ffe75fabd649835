import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import type { ReleaseStatus } from "../core/step.ts";
import { openDatabase } from "../registry/database.ts";
import { countWaiting, setFact } from "../registry/outbox.ts";
import { showAddress } from "../registry/postgres/address.ts";
import { type Connection, withServer } from "../registry/postgres/connection.ts";
import { mergeAll, prepareToPush, push, type Pushed } from "../registry/postgres/push.ts";
import { getEverywhere, type HostRow, listEverywhere } from "../registry/postgres/rows.ts";
import { wantedTarget } from "../registry/postgres/target.ts";
import { reporter } from "../terminal/reporter.ts";

/** Milliseconds without an answer after which a server counts as gone, for a person who waits for it. */
const PATIENCE_MS = 10_000;

type Place = Pick<Context, "manifest" | "paths" | "opsPath">;

/** Rows of all hosts, the one that changed last first. @throws FailedError where the server cannot be reached. */
export const observeAllRows = (place: Place, limit: number, status: ReleaseStatus | undefined): Promise<HostRow[]> =>
  asked(place, ({ sql }) => listEverywhere(sql, place.manifest.app, { limit, status }));

/** What each host knows of a release. */
export const observeAllOf = (place: Place, id: string): Promise<HostRow[]> =>
  asked(place, ({ sql }) => getEverywhere(sql, place.manifest.app, id));

function asked<T>(place: Place, work: (connection: Connection) => Promise<T>): Promise<T> {
  const { address, file } = wantedTarget(place);
  return withServer(address, { file, env: process.env, patienceMs: PATIENCE_MS }, work);
}

/** What `sync` answers with. */
export interface Synced {
  pushed: number;
  waiting: number;
  registry: string;
  /** Why the team's own table was left alone, or which of its rows it refused. */
  problems: string[];
}

/** `12 records pushed to releases at db.example.org; nothing waits`. */
export function renderSynced({ pushed, waiting, registry }: Synced): string {
  const left = waiting === 0 ? "nothing waits" : `${waiting} came meanwhile and wait`;
  return `${pushed} ${pushed === 1 ? "record" : "records"} pushed to ${registry}; ${left}`;
}

/** Pushes everything that waits. @throws FailedError where it cannot, saying how much still waits. */
export async function applySync(place: Place): Promise<Synced> {
  const { address, file } = wantedTarget(place);
  const { manifest, paths } = place;
  if (!fs.existsSync(paths.deployTo))
    throw new UsageError(`there is no tree ${paths.deployTo}`, {
      next: `mkdir -p ${path.join(paths.deployTo, "releases")}`,
    });
  const database = openDatabase(paths.registry);
  try {
    const before = prepareToPush(database);
    const about = { app: manifest.app, deployTo: paths.deployTo };
    const options = { file, env: process.env, patienceMs: PATIENCE_MS };
    reporter().begin("Push the records that wait");
    const say = (count: number) => {
      const progress = `${count} of ${Math.max(count, before)} records pushed`;
      reporter().waitFor(() => progress);
      reporter().detail(progress);
    };
    const work = async (connection: Connection): Promise<Pushed> => {
      const pushed = await push(database, about, connection, say);
      return { ...pushed, tableProblems: await mergeAll(connection.sql, database) };
    };
    const { count, tableProblems, isCopy } = await withServer(address, options, work);
    setFact(database, "unreachable_at", "");
    if (isCopy) reporter().warn("this tree is a copy of another one: the registry knows it by a name of its own now");
    for (const problem of tableProblems) reporter().warn(`the table releases: ${problem}`);
    return {
      pushed: count,
      waiting: countWaiting(database) ?? 0,
      registry: showAddress(address),
      problems: tableProblems,
    };
  } catch (error) {
    if (!(error instanceof FailedError)) throw error;
    throw new FailedError(`${error.message}: ${countWaiting(database) ?? 0} records wait`, {
      next: error.next,
      cause: error.cause,
    });
  } finally {
    reporter().takeAway();
    database.close();
  }
}
