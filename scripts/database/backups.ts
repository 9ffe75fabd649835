import fs from "node:fs";
import path from "node:path";
import type { Paths } from "../core/paths.ts";

/** Why a backup was made; those of a migration and a restore lead back, the others are kept by `backups.keep`. */
export type BackupReason = "migration" | "restore" | "scheduled" | "manual";

/** `BACKUP.json` of a complete backup. */
export interface BackupFact {
  /** Its directory's name: the operation that made it. */
  id: string;
  reason: BackupReason;
  kind: "sqlite" | "command";
  /** ISO 8601 UTC: the state that it holds. */
  created_at: string;
  /** The release that was current; for a migration, the one that served before it. */
  release_id: string | null;
  /** For a migration: the release to whose schema the data was brought afterwards. */
  target_id: string | null;
  /** The schema revision of the data in it. */
  migration_marker: string | null;
  bytes: number;
  sha256: string;
}

/** Its directory, absolute. A directory without `BACKUP.json` is no backup: it was never finished. */
export const backupPath = (paths: Paths, id: string) => path.join(paths.backups, id);

/** What lies in a backup: a whole SQLite file, or what `database.backup` wrote to `$BACKUP_FILE`. */
export const dataPath = (paths: Paths, id: string) => path.join(backupPath(paths, id), "data");

/** Complete backups, the newest first. */
export function observeBackups(paths: Paths): BackupFact[] {
  if (!fs.existsSync(paths.backups)) return [];
  return fs
    .readdirSync(paths.backups)
    .flatMap((id) => readBackup(paths, id) ?? [])
    .toSorted((a, b) => (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : a.id < b.id ? 1 : -1));
}

/** One backup; undefined where it is not complete. */
export function readBackup(paths: Paths, id: string): BackupFact | undefined {
  try {
    const read = JSON.parse(fs.readFileSync(path.join(backupPath(paths, id), "BACKUP.json"), "utf8")) as BackupFact;
    return { ...read, id };
  } catch {
    return undefined;
  }
}
