import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { standing, syncDirectory, syncFile, writeDurably } from "../core/durable.ts";
import { FailedError } from "../core/errors.ts";
import { hashFile } from "../core/hash-file.ts";
import { reporter } from "../terminal/reporter.ts";
import { command } from "../core/step.ts";
import type { ApplyContext } from "../core/steps/kind.ts";
import { usersOfPath } from "../processes/processes.ts";
import { type BackupFact, backupPath, databaseFile, dataPath, kindOf, readBackup, spentPath } from "./backups.ts";
import { runDatabaseLines } from "./commands.ts";
import { SIDES } from "./sqlite-file.ts";

export interface Restore {
  backup: string;
  operationId: string;
  /** The way back of a change that failed: on a full disk the backup's own file may take the database's place (`spendShared`). */
  mayShare?: boolean;
}

/**
 * Brings a backup back while nothing writes. What is there now is kept: a SQLite file beside it as `<file>.failed-<operation id>`, with its
 * `-wal`; done again after a kill in the middle, it ends the same, and never keeps a half-restored file as the failed one.
 * @throws FailedError when the backup is not there or not what its sha256 says, or while a process has the database open
 */
export async function applyRestore(
  context: Context,
  restore: Restore,
  apply: Pick<ApplyContext, "logPath" | "operationId" | "signal">,
): Promise<void> {
  const fact = soundBackup(context, restore.backup);
  // Durable once it is done: what was written since then is not taken away by a second run.
  const mark = path.join(backupPath(context.paths, fact.id), `restored-${restore.operationId}`);
  if (standing(mark)) return;
  const { database } = context.manifest;
  if (database?.sqlite !== undefined)
    restoreSqlite(context, databaseFile(context.paths, database.sqlite), fact, restore);
  else await runDatabaseLines(context, "restore", dataPath(context.paths, fact.id), apply);
  writeDurably(mark, `${new Date().toISOString()}\n`, 0o600);
}

/** A backup that is complete and unchanged. @throws FailedError for any other */
export function soundBackup({ paths, manifest, opsPath }: Context, id: string): BackupFact {
  const fact = readBackup(paths, id);
  const next = `${opsPath}/data/backup.ts --list`;
  if (!fact) throw new FailedError(`there is no complete backup ${id} in ${paths.backups}`, { next });
  const kind = kindOf(manifest);
  const other =
    kind === undefined ? "the manifest names no database" : `the manifest's database is of the kind ${kind}`;
  if (fact.kind !== kind) throw new FailedError(`the backup ${id} is of the kind ${fact.kind}, and ${other}`, { next });
  const data = dataPath(paths, id);
  if (!fact.is_absent && (!fs.existsSync(data) || hashFile(data) !== fact.sha256))
    throw new FailedError(`the backup ${id} is damaged: ${data} is not what its sha256 says`, { next });
  return fact;
}

/** Looks before anything is changed whether a restore could be done. @throws FailedError while a process has the database open */
export function refuseUse({ paths, manifest }: Context): void {
  const sqlite = manifest.database?.sqlite;
  if (sqlite !== undefined) refuseUsers(databaseFile(paths, sqlite));
}

function refuseUsers(file: string): void {
  const places = ["", ...SIDES].map((side) => `${file}${side}`).filter((place) => standing(place));
  const users = new Map(places.flatMap((place) => usersOfPath(place)).map((user) => [user.pid, user.command]));
  if (users.size === 0) return;
  const who = [...users].map(([pid, name]) => `pid ${pid} (${name.slice(0, 60)})`).join(", ");
  throw new FailedError(`${file} is in use by ${who}: what it writes there would be lost`, {
    next: "stop what uses it, then type the command again",
  });
}

/** How a kept file is called: never a name that stands already. */
const keptPath = (file: string, operationId: string, turn: number) =>
  `${file}.failed-${operationId}${turn > 1 ? `-${turn}` : ""}`;

/**
 * Every moment between two of its renames is one from which a second run goes on: the copy is complete and durable before anything moves;
 * the log and the journal go first, the file after them, so that whatever bears the kept file's name is whole.
 */
function restoreSqlite({ paths }: Context, file: string, fact: BackupFact, { operationId, mayShare }: Restore): void {
  refuseUsers(file);
  const copy = `${file}.restoring`;
  if (isThere(file, fact, operationId)) return fs.rmSync(copy, { force: true });
  if (!fact.is_absent) {
    const way = { from: dataPath(paths, fact.id), to: copy, mayShare: mayShare === true };
    copyDurably(way, keptStat(file, operationId), fact);
  }
  const kept = moveAside(file, operationId);
  if (!fact.is_absent) fs.renameSync(copy, file);
  syncDirectory(path.dirname(file));
  if (standing(kept)) reporter().say(`What was there lies at ${kept}`);
}

/** The database is as in the backup already: a run that was killed got that far, or nothing was changed since. */
function isThere(file: string, fact: BackupFact, operationId: string): boolean {
  const kept = keptPath(file, operationId, 1);
  const isHalfKept = !standing(kept) && SIDES.some((side) => standing(`${kept}${side}`));
  if (isHalfKept || SIDES.some((side) => standing(`${file}${side}`))) return false;
  if (!standing(file)) return fact.is_absent === true;
  return !fact.is_absent && hashFile(file) === fact.sha256;
}

/** Whose the file was, and who may read it; of the kept one, where a killed run moved it already. */
function keptStat(file: string, operationId: string): fs.Stats | undefined {
  return standing(file) ?? standing(keptPath(file, operationId, 1));
}

interface Way {
  from: string;
  to: string;
  mayShare: boolean;
}

function copyDurably({ from, to, mayShare }: Way, was: fs.Stats | undefined, fact: BackupFact): void {
  fs.rmSync(to, { force: true });
  try {
    copyOrShare(from, to, mayShare);
    if (hashFile(to) !== fact.sha256) throw new FailedError(`${to} differs from ${from} after copying`);
    if (was) giveTo(to, was);
    fs.chmodSync(to, was ? was.mode & 0o7777 : (fact.mode ?? 0o600));
    syncFile(to);
  } catch (error) {
    fs.rmSync(to, { force: true });
    throw error;
  }
}

function copyOrShare(from: string, to: string, mayShare: boolean): void {
  try {
    fs.copyFileSync(from, to, fs.constants.COPYFILE_FICLONE | fs.constants.COPYFILE_EXCL);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!mayShare || (code !== "ENOSPC" && code !== "EDQUOT")) throw error;
    fs.rmSync(to, { force: true });
    fs.linkSync(from, to);
  }
}

/**
 * Takes a backup away whose file is the database now: what is written to one would be written to the other. With its mark, by one
 * rename, before anything is started.
 */
export function spendShared({ paths, manifest }: Context, id: string): void {
  const sqlite = manifest.database?.sqlite;
  const now = sqlite === undefined ? undefined : standing(databaseFile(paths, sqlite));
  const backup = standing(dataPath(paths, id));
  if (!now || !backup || now.ino !== backup.ino || now.dev !== backup.dev) return;
  fs.renameSync(backupPath(paths, id), spentPath(paths, id));
  syncDirectory(paths.backups);
  fs.rmSync(spentPath(paths, id), { recursive: true, force: true });
}

function giveTo(file: string, { uid, gid }: fs.Stats): void {
  const now = fs.statSync(file);
  if (now.uid === uid && now.gid === gid) return;
  try {
    fs.chownSync(file, uid, gid);
  } catch {
    const next = command("chown", `${uid}:${gid}`, file.replace(/\.restoring$/, ""));
    reporter().warn(
      `the database was user ${uid}'s, group ${gid}'s, and only root can give the restored one to them: ${next}`,
    );
  }
}

/** Takes the database with its log out of the way, by renames, to names that do not stand yet. */
function moveAside(file: string, operationId: string): string {
  const directory = path.dirname(file);
  const isTaken = (kept: string) =>
    ["", ...SIDES].some((side) => standing(`${file}${side}`) && standing(`${kept}${side}`));
  let turn = 1;
  while (isTaken(keptPath(file, operationId, turn))) turn++;
  const kept = keptPath(file, operationId, turn);
  for (const side of SIDES) if (standing(`${file}${side}`)) fs.renameSync(`${file}${side}`, `${kept}${side}`);
  syncDirectory(directory);
  if (standing(file)) fs.renameSync(file, kept);
  syncDirectory(directory);
  return kept;
}
