import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { FailedError } from "../core/errors.ts";
import { observeCurrent, observeRelease } from "../core/observe.ts";
import type { Paths } from "../core/paths.ts";
import { openOperations, type OperationRow } from "../registry/journal.ts";
import { getRow, newestRows } from "../registry/releases.ts";
import { entryOf } from "../release/timeline.ts";
import type { ListedOperation, LogPart, Reader, StepRow } from "./reader.ts";
import type { LookAtServices } from "./serving.ts";
import { TreeConnection } from "./tree-connection.ts";
import { logSize, readLog } from "./tree-log.ts";
import { countOpen, countOperations, type OperationCount } from "./tree-summary.ts";

/** What ran in a tree, counted. */
export interface TreeSummary {
  operations: OperationCount[];
  open: { atWork: number; interrupted: number };
}

export interface TreeReader extends Reader {
  /** Counts what ran: every operation is looked at once after each change, and not again. */
  summary(): TreeSummary;
  /** Lets the registry go; a question after that opens it again. */
  close(): void;
}

/** What is asked before the tree is there, or is asked of a tree without an own manifest. */
export interface TreeName {
  /** Default: the name of the tree's directory. */
  app?: string | undefined;
  /** Default: the machine's own name. */
  host?: string | undefined;
  /** Looks whether the services run; default: that is not known. */
  isServing?: LookAtServices | undefined;
}

/**
 * Reads one tree: its registry, its `current` link and its logs. A tree without a registry, or without anything, is an empty one. One connection
 * stays open while its file is the same. @throws FailedError from every question while the registry stands there and cannot be read.
 */
export function treeReader(paths: Paths, { app, host, isServing }: TreeName = {}): TreeReader {
  const connection = new TreeConnection(paths.registry);
  // No two readers answer with the same version, this one after a restart either.
  const nonce = Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString("base64url");
  const summarise = summariser(paths, connection);
  const ask = <T>(question: (database: DatabaseSync) => T, none: T) => asked(connection, question, none);
  const looked = async () => (await isServing?.()) ?? null;
  return {
    hosts: async () => {
      const state = ask((database) => stateOf(paths, app, host, database), stateOf(paths, app, host));
      return [{ ...state, is_serving: state.release_id === null ? null : await looked() }];
    },
    releases: async (choice) => ask((database) => newestRows(database, choice), []),
    release: async (id) => ask((database) => getRow(database, id), undefined),
    operations: async (choice) =>
      ask((database) => newestOperations(database, choice).map((row) => judged(paths, row)), []),
    operation: async (id) => ask((database) => operationOf(paths, database, id), undefined),
    log: async (id, from) => ask((database) => logOf(paths, database, id, from), undefined),
    version: async () =>
      [nonce, connection.version(), linkVersion(paths), ask((db) => openVersion(paths, db), ""), await looked()].join(
        ".",
      ),
    summary: summarise,
    close: () => connection.close(),
  };
}

const NOTHING: TreeSummary = { operations: [], open: { atWork: 0, interrupted: 0 } };

/** Counts anew only what may have changed: what is at work ends without a word in the registry when it is killed. */
function summariser(paths: Paths, connection: TreeConnection): () => TreeSummary {
  let known: { version: string; operations: OperationCount[] } | undefined;
  const isAtWork = (row: OperationRow) => judged(paths, row).outcome === null;
  return () => {
    const version = connection.version();
    const count = (database: DatabaseSync) => ({
      operations: known?.version === version ? known.operations : countOperations(database),
      open: countOpen(database, isAtWork),
    });
    const summary = asked(connection, count, NOTHING);
    known = { version, operations: summary.operations };
    return summary;
  };
}

/** An error of SQLite's lets the connection go: the next question begins anew, with the file as it is then. */
function asked<T>(connection: TreeConnection, question: (database: DatabaseSync) => T, none: T): T {
  const database = connection.get();
  if (!database) return none;
  try {
    return question(database);
  } catch (error) {
    connection.close();
    throw new FailedError(`the registry cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function stateOf(paths: Paths, app: string | undefined, host: string | undefined, database?: DatabaseSync) {
  const id = observeCurrent(paths).releaseId ?? null;
  const row = id !== null && database ? getRow(database, id) : undefined;
  return {
    host: host ?? os.hostname(),
    app: app ?? path.basename(paths.deployTo),
    deploy_to: paths.deployTo,
    release_id: id,
    commit_sha: id === null ? null : observeRelease(paths, id).sha || row?.commit_sha || null,
    since: id === null ? null : (linkTime(paths)?.toISOString() ?? null),
  };
}

const linkTime = (paths: Paths) => fs.lstatSync(paths.current, { throwIfNoEntry: false })?.mtime;

// The order is the registry's, whatever the clock did.
function newestOperations(database: DatabaseSync, choice: Parameters<Reader["operations"]>[0]): OperationRow[] {
  const { limit, releaseId, before } = choice;
  const wanted = [
    ...(releaseId === undefined ? [] : ["release_id = $release"]),
    ...(before === undefined ? [] : ["rowid < (SELECT rowid FROM operations WHERE id = $before)"]),
  ];
  const where = wanted.length > 0 ? `WHERE ${wanted.join(" AND ")}` : "";
  const query = database.prepare(`SELECT * FROM operations ${where} ORDER BY rowid DESC LIMIT $limit`);
  const words = {
    $limit: limit,
    ...(releaseId === undefined ? {} : { $release: releaseId }),
    ...(before === undefined ? {} : { $before: before }),
  };
  return query.all(words) as unknown as OperationRow[];
}

/** The record, with `interrupted` where its process is gone. */
function judged(paths: Paths, row: OperationRow): ListedOperation {
  if (row.finished_at !== null) return row;
  const { outcome } = entryOf(paths, row);
  return { ...row, outcome: outcome === "at work" ? null : outcome };
}

function rowOf(database: DatabaseSync, id: string): OperationRow | undefined {
  return database.prepare("SELECT * FROM operations WHERE id = ?").get(id) as unknown as OperationRow | undefined;
}

function operationOf(paths: Paths, database: DatabaseSync, id: string) {
  const row = rowOf(database, id);
  if (!row) return undefined;
  const columns = "seq, key, title, started_at, duration_ms, outcome";
  const steps = database.prepare(`SELECT ${columns} FROM steps WHERE operation_id = ? ORDER BY seq`).all(id);
  return { operation: judged(paths, row), steps: steps as unknown as StepRow[] };
}

function logOf(paths: Paths, database: DatabaseSync, id: string, from: number): LogPart | undefined {
  const row = rowOf(database, id);
  const part = row && readLog(paths, id, from);
  if (!part) return undefined;
  const hasEnded = row.finished_at !== null || judged(paths, row).outcome !== null;
  return { text: part.text, next: part.next, isWhole: hasEnded && part.next >= part.size };
}

/** Which release the link names, and since when. */
function linkVersion(paths: Paths): string {
  const stat = fs.lstatSync(paths.current, { throwIfNoEntry: false, bigint: true });
  return stat ? `${stat.ino}-${stat.mtimeNs}` : "0";
}

/** Of operations without an end: whether they are at work, and how much their logs hold. */
function openVersion(paths: Paths, database: DatabaseSync): string {
  const open = openOperations(database).map(
    (row) => `${judged(paths, row).outcome ?? "works"}-${logSize(paths, row.id)}`,
  );
  return open.join("-");
}
