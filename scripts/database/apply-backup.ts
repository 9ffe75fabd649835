import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { syncDirectory, syncFileSystem, writeDurably } from "../core/durable.ts";
import { FailedError } from "../core/errors.ts";
import { hashFile } from "../core/hash-file.ts";
import { reporter } from "../terminal/reporter.ts";
import type { ApplyContext } from "../core/steps/kind.ts";
import {
  type BackupFact,
  backupPath,
  databaseFile,
  dataPath,
  factPath,
  findUnfinishedBackups,
  readBackup,
} from "./backups.ts";
import { proveByCommand, runDatabaseLines } from "./commands.ts";
import { backUp, isSqlite } from "./sqlite-file.ts";

/** What a backup is of, beside the data. */
export type BackupSubject = Pick<BackupFact, "id" | "reason" | "release_id" | "target_id" | "migration_marker">;

type Applying = Pick<ApplyContext, "logPath" | "operationId" | "signal">;
type Made = Pick<BackupFact, "kind" | "is_absent" | "is_damaged" | "mode">;

/**
 * Makes a consistent backup and proves it: SQLite's online backup with `integrity_check`, or `database.backup`, then `database.prove`.
 * Durable, then BACKUP.json by rename. A backup of this id that is complete already is left as it is.
 * @throws FailedError when it cannot be made or is not sound; nothing is left of it then
 */
export async function applyBackup(context: Context, subject: BackupSubject, apply: Applying): Promise<void> {
  const { paths } = context;
  if (readBackup(paths, subject.id)) return;
  for (const unfinished of findUnfinishedBackups(paths)) fs.rmSync(unfinished, { recursive: true, force: true });
  const directory = backupPath(paths, subject.id);
  makePrivate(paths.backups);
  makePrivate(directory);
  try {
    const created_at = new Date().toISOString();
    const made = await make(context, subject, apply);
    const data = dataPath(paths, subject.id);
    const content = made.is_absent ? { bytes: 0, sha256: "" } : seal(data);
    const fact: BackupFact = { ...subject, ...made, created_at, ...content };
    syncDirectory(paths.backups);
    writeDurably(factPath(paths, subject.id), `${JSON.stringify(fact, null, 2)}\n`, 0o600);
  } catch (error) {
    fs.rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

function makePrivate(directory: string): void {
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  fs.chmodSync(directory, 0o700);
}

async function make(context: Context, { id, reason }: BackupSubject, apply: Applying): Promise<Made> {
  const { database } = context.manifest;
  const data = dataPath(context.paths, id);
  if (database?.sqlite !== undefined) {
    const file = databaseFile(context.paths, database.sqlite);
    return reason === "restore" ? keepSqlite(file, data) : copySqlite(file, data);
  }
  await runDatabaseLines(context, "backup", data, apply);
  const isWritten = fs.statSync(data, { throwIfNoEntry: false });
  if (!isWritten?.isFile() || isWritten.size === 0)
    throw new FailedError("database.backup ended well and wrote nothing to $BACKUP_FILE", {
      next: 'let it write there, as in: pg_dump -Fc -f "$BACKUP_FILE"',
    });
  await proveByCommand(context, data, apply);
  return { kind: "command" };
}

async function copySqlite(file: string, data: string): Promise<Made> {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat) return { kind: "sqlite", is_absent: true };
  refuseUnreadable(file);
  // Before SQLite writes a byte of it: only the owner reads a backup.
  fs.closeSync(fs.openSync(data, "w", 0o600));
  if (stat.size > 0) await backUp(file, data);
  return { kind: "sqlite", mode: stat.mode & 0o777 };
}

/** A database that is damaged is what a restore is for: then its file is kept as it lies. */
async function keepSqlite(file: string, data: string): Promise<Made> {
  try {
    return await copySqlite(file, data);
  } catch (error) {
    if (!(error instanceof FailedError)) throw error;
    reporter().warn(`${error.message}: kept as it lies`);
    fs.copyFileSync(file, data, fs.constants.COPYFILE_FICLONE);
    return { kind: "sqlite", mode: fs.statSync(file).mode & 0o777, is_damaged: true };
  }
}

function refuseUnreadable(file: string): void {
  try {
    fs.accessSync(file, fs.constants.R_OK);
    if (fs.statSync(file).size === 0 || isSqlite(file)) return;
  } catch (error) {
    throw new FailedError(`${file} cannot be read: ${(error as Error).message}`, {
      next: `ls -l ${file}`,
      cause: error,
    });
  }
  throw new FailedError(`${file} is not an SQLite database`, { next: `file ${file}` });
}

/** Private, durable and known by its sum. */
function seal(data: string): Pick<BackupFact, "bytes" | "sha256"> {
  fs.chmodSync(data, 0o600);
  const sha256 = hashFile(data);
  syncFileSystem(data);
  syncDirectory(path.dirname(data));
  return { bytes: fs.statSync(data).size, sha256 };
}
