import fs from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { FailedError } from "../core/errors.ts";
import { openDatabaseToRead } from "../registry/database.ts";

/** How long an answer waits for a writer, in ms: all other answers wait with it. In WAL, a reader waits hardly ever. */
const PATIENCE = 250;

/** A connection that stays open while its file stays the same one. */
export class TreeConnection {
  private readonly file: string;
  private database: DatabaseSync | undefined;
  private identity: string | undefined;
  private opened = 0;

  constructor(file: string) {
    this.file = file;
  }

  /** The registry; undefined where there is none yet. @throws FailedError where there is one that cannot be read. */
  get(): DatabaseSync | undefined {
    const stat = fs.statSync(this.file, { throwIfNoEntry: false, bigint: true });
    const identity = stat && `${stat.dev}:${stat.ino}`;
    if (this.database && identity === this.identity) return this.database;
    this.close();
    if (!stat) return undefined;
    this.database = openDatabaseToRead(this.file);
    if (!this.database && !isBegun(this.file)) throw new FailedError(`${this.file} cannot be read as a registry`);
    if (!this.database) return undefined;
    this.database.exec(`PRAGMA busy_timeout = ${PATIENCE}`);
    this.identity = identity;
    this.opened++;
    return this.database;
  }

  /** Changes with every commit of another connection; what `get` threw, it throws. */
  version(): string {
    const database = this.get();
    if (!database) return "0";
    const row = database.prepare("PRAGMA data_version").get() as { data_version: number };
    // A connection that reads the file as it lies never looks at it again.
    const { mtimeNs, size } = fs.statSync(this.file, { bigint: true });
    return `${this.opened}.${row.data_version}.${size}.${mtimeNs}`;
  }

  /** Forgets the connection: the next question opens the file anew. */
  close(): void {
    this.database?.close();
    this.database = undefined;
  }
}

/** A registry that its first command is making at this moment: SQLite's own file, without a table yet. */
function isBegun(file: string): boolean {
  try {
    const head = Buffer.alloc(100);
    const fd = fs.openSync(file, "r");
    const length = fs.readSync(fd, head, 0, head.length, 0);
    fs.closeSync(fd);
    return length === 0 || (head.toString("latin1", 0, 15) === "SQLite format 3" && head.readUInt32BE(60) === 0);
  } catch {
    return false;
  }
}
