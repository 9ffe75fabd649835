import fs from "node:fs";
import type { Context } from "../core/context.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import { observeRoom } from "../core/room.ts";
import { quote } from "../core/step.ts";
import { fileToEdit } from "../manifest/loaded.ts";
import { showBytes } from "../text/amounts.ts";
import { type BackupFact, databaseFile, observeBackups } from "./backups.ts";
import { SIDES } from "./sqlite-file.ts";

/** The database as it is now, and what there is of it. */
export interface DatabaseState {
  /** SQLite's file with every link resolved; absent for a database behind commands. */
  file?: string;
  /** Always true behind commands: nobody can look. */
  isThere: boolean;
  /** About what a backup takes; behind commands, what the last one took. */
  bytes: number;
  /** The newest first. */
  backups: BackupFact[];
  /** Free where backups lie. */
  freeBytes: number;
}

/** Looks at the database and its backups. */
export function observeDatabase({ paths, manifest }: Context): DatabaseState {
  const backups = observeBackups(paths);
  const { freeBytes } = observeRoom(paths.backups);
  const sqlite = manifest.database?.sqlite;
  if (sqlite === undefined) return { isThere: true, bytes: backups[0]?.bytes ?? 0, backups, freeBytes };
  const file = databaseFile(paths, sqlite);
  const sizes = ["", ...SIDES].map((side) => fs.statSync(`${file}${side}`, { throwIfNoEntry: false })?.size ?? 0);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return { file, isThere: fs.existsSync(file), bytes, backups, freeBytes };
}

/** @throws UsageError where the manifest names no database */
export function refuseWithout({ manifest, loaded }: Context): void {
  if (manifest.database) return;
  throw new UsageError("the manifest names no database", {
    next: `add to ${fileToEdit(loaded)}:  database: { sqlite: data/app.db }`,
  });
}

/** @throws FailedError unless `bytes` and a tenth more are free */
export function refuseNoRoom({ paths }: Context, bytes: number, freeBytes: number): void {
  const needed = Math.ceil(bytes * 1.1);
  if (needed <= freeBytes) return;
  throw new FailedError(
    `no room: about ${showBytes(needed)} are needed in ${paths.backups}, ${showBytes(freeBytes)} are free`,
    { next: `df -h ${quote(paths.deployTo)}` },
  );
}
