import { DatabaseSync } from "node:sqlite";
import { BusyError } from "./errors.ts";

// Held here, because an unreferenced DatabaseSync is collected within half a second and its lock silently let go.
const held: { database?: DatabaseSync } = {};

/**
 * Takes the tree's lock: a write transaction on `lock.db`, which the operating system frees when this process ends
 * however it ends, and which no child inherits (SPEC section 5, promise 3).
 * @throws BusyError when another process holds it.
 */
export function acquireLock(file: string, describeHolder: () => string): void {
  const database = new DatabaseSync(file);
  try {
    database.exec("PRAGMA busy_timeout = 0; BEGIN IMMEDIATE");
  } catch (error) {
    database.close();
    if (!/locked|busy/.test((error as Error).message)) throw error;
    throw new BusyError(`another operation is at work: ${describeHolder()}`, {
      next: "wait until it has ended, then type the command again",
    });
  }
  held.database = database;
}

/** Lets the lock go before the process ends. */
export function releaseLock(): void {
  held.database?.close();
  delete held.database;
}
