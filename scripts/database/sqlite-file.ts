import fs from "node:fs";
import { FailedError } from "../core/errors.ts";

const MAGIC = "SQLite format 3\0";

/** What SQLite keeps beside a database while it is in use, and after a crash. */
export const SIDES = ["-wal", "-shm", "-journal"];

/** Whether a file is an SQLite database that holds something. */
export function isSqlite(file: string): boolean {
  const fd = fs.openSync(file, "r");
  try {
    const header = Buffer.alloc(MAGIC.length);
    return fs.readSync(fd, header, 0, header.length, 0) === MAGIC.length && header.toString("latin1") === MAGIC;
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Copies a database by SQLite's online backup, what still lies in its write-ahead log included, and proves the copy. The transaction
 * holds one state for the whole copy: without it each write of somebody else's starts the copy again, and a busy database is never done.
 * @throws FailedError when the copy is not sound.
 */
export async function backUp(from: string, to: string): Promise<void> {
  const { backup, DatabaseSync } = await import("node:sqlite");
  const source = new DatabaseSync(from);
  try {
    source.exec("PRAGMA busy_timeout = 10000; BEGIN");
    source.prepare("SELECT count(*) FROM sqlite_schema").get();
    await backup(source, to, { rate: 1000 });
    source.exec("COMMIT");
  } catch (error) {
    throw explained(error, from);
  } finally {
    source.close();
  }
  await proveSound(to, `the backup of ${from}`);
}

/** `integrity_check` of a whole file. @throws FailedError when it finds something */
export async function proveSound(file: string, what: string): Promise<void> {
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(file);
  try {
    const found = database.prepare("PRAGMA integrity_check(1)").get() as { integrity_check: string };
    if (found.integrity_check === "ok") return;
    throw new FailedError(`${what} is not sound: ${found.integrity_check}`);
  } catch (error) {
    throw explained(error, what);
  } finally {
    database.close();
  }
}

// A full disk is told as such further up.
function explained(error: unknown, what: string): unknown {
  const { message } = error as Error;
  if (error instanceof FailedError || /full/.test(message)) return error;
  return new FailedError(`${what} cannot be read: ${message}`, { cause: error });
}
