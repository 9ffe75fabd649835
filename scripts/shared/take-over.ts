import fs from "node:fs";
import path from "node:path";
import { syncFileSystem } from "../core/durable.ts";
import { FailedError } from "../core/errors.ts";
import { hashFile } from "../core/hash-file.ts";
import { reporter } from "../terminal/reporter.ts";
import { backUp, isSqlite } from "../database/sqlite-file.ts";
import { usersOfPath } from "../processes/processes.ts";

/**
 * Copies a file or directory of state to its new place and proves the copy. SQLite databases go by the online backup,
 * which takes in what still lies in the write-ahead log: a plain copy under a running service lost rows when it was tried.
 * @throws FailedError while a process has something of it open, or when the copy differs.
 */
export async function applyTakeOver(from: string, to: string): Promise<void> {
  const source = fs.realpathSync(from);
  refuseOpen(source);
  fs.rmSync(to, { recursive: true, force: true });
  await copy(source, to);
  syncFileSystem(to);
}

/** @throws FailedError that names every process that has something of `source` open. */
export function refuseOpen(source: string, except: Iterable<number> = []): void {
  const users = usersOfPath(source, [process.pid, ...except]);
  if (users.length === 0) return;
  const who = [...new Map(users.map((user) => [user.pid, `pid ${user.pid} (${user.command})`])).values()];
  throw new FailedError(`${source} is in use by ${who.join(", ")}: a copy of it could miss what is being written`, {
    next: "stop what uses it, then type the command again",
  });
}

/** Bytes that a copy of a file or directory takes. */
export function sizeOf(place: string): number {
  const { size, isDirectory } = kindOf(place);
  if (!isDirectory) return size;
  return fs.readdirSync(place).reduce((sum, name) => sum + sizeOf(path.join(place, name)), 0);
}

function kindOf(place: string): { size: number; isDirectory: boolean } {
  const stat = fs.lstatSync(place);
  return { size: stat.isFile() ? stat.size : 0, isDirectory: stat.isDirectory() };
}

async function copy(from: string, to: string): Promise<void> {
  const stat = fs.lstatSync(from);
  if (stat.isDirectory()) return copyDirectory(from, to, stat);
  if (stat.isSymbolicLink()) return fs.symlinkSync(fs.readlinkSync(from), to);
  if (!stat.isFile()) return reporter().warn(`${from} is neither file, directory nor link: left out`);
  if (isSqlite(from)) await backUp(from, to);
  else copyFile(from, to);
  fs.chmodSync(to, stat.mode & 0o7777);
  fs.utimesSync(to, stat.atime, stat.mtime);
}

async function copyDirectory(from: string, to: string, stat: fs.Stats): Promise<void> {
  fs.mkdirSync(to);
  const names = fs.readdirSync(from);
  for (const name of names) if (!isLogOf(name, from, names)) await copy(path.join(from, name), path.join(to, name));
  fs.chmodSync(to, stat.mode & 0o7777);
  fs.utimesSync(to, stat.atime, stat.mtime);
}

/** A write-ahead log belongs to its database, and is in its backup. */
function isLogOf(name: string, directory: string, names: string[]): boolean {
  const database = /^(.*)-(wal|shm|journal)$/.exec(name)?.[1];
  return database !== undefined && names.includes(database) && isSqlite(path.join(directory, database));
}

function copyFile(from: string, to: string): void {
  fs.copyFileSync(from, to, fs.constants.COPYFILE_FICLONE);
  if (hashFile(from) !== hashFile(to)) throw new FailedError(`${to} differs from ${from} after copying`);
}
