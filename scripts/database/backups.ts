import fs from "node:fs";
import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import { standing } from "../core/durable.ts";
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
  /** SQLite: there was no database yet, so there is no data; brought back, it is absent again. */
  is_absent?: true;
  /** SQLite, before a restore: the database was not sound any more, and this is its file as it lay. */
  is_damaged?: true;
  /** SQLite: the database file's permissions. */
  mode?: number;
}

/** The kind that a manifest's backups are of; undefined where it names no database. */
export const kindOf = ({ database }: Pick<Manifest, "database">): BackupFact["kind"] | undefined =>
  database && (database.sqlite === undefined ? "command" : "sqlite");

/** Its directory, absolute. A directory without `BACKUP.json` is no backup: it was never finished. */
export const backupPath = (paths: Paths, id: string) => path.join(paths.backups, id);

/** What lies in a backup: a whole SQLite file, or what `database.backup` wrote to `$BACKUP_FILE`. */
export const dataPath = (paths: Paths, id: string) => path.join(backupPath(paths, id), "data");

/** Its facts, without which it is no backup. */
export const factPath = (paths: Paths, id: string) => path.join(backupPath(paths, id), "BACKUP.json");

/** The database file itself, absolute, whatever links lead to it (phase 1); whether or not it exists. */
export function databaseFile(paths: Paths, sqlite: string): string {
  const follow = (file: string, links: number): string => {
    const directory = path.dirname(file);
    const place = path.join(fs.existsSync(directory) ? fs.realpathSync(directory) : directory, path.basename(file));
    if (links === 0 || !standing(place)?.isSymbolicLink()) return place;
    return follow(path.resolve(path.dirname(place), fs.readlinkSync(place)), links - 1);
  };
  return follow(path.join(paths.shared, sqlite), 40);
}

/** A backup whose file took the database's place, on its way out: whoever finds it removes it. */
export const spentPath = (paths: Paths, id: string) => path.join(paths.backups, `.spent-${id}`);

/** Backups that were begun and never finished, and what is on its way out, absolute. What a person put there is none. */
export function findUnfinishedBackups(paths: Paths): string[] {
  if (!fs.existsSync(paths.backups)) return [];
  const isOurs = (id: string) => /^(\.spent-)?\d{8}-\d{6}-[a-z_]+-[0-9a-f]{4}$/.test(id);
  return fs
    .readdirSync(paths.backups)
    .filter((id) => isOurs(id) && (id.startsWith(".") || !fs.existsSync(factPath(paths, id))))
    .map((id) => backupPath(paths, id));
}

/** Complete backups, the newest first. */
export function observeBackups(paths: Paths): BackupFact[] {
  if (!fs.existsSync(paths.backups)) return [];
  return fs
    .readdirSync(paths.backups)
    .flatMap((id) => (id.startsWith(".") ? [] : (readBackup(paths, id) ?? [])))
    .toSorted((a, b) => (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : a.id < b.id ? 1 : -1));
}

/** One backup; undefined where it is not complete. */
export function readBackup(paths: Paths, id: string): BackupFact | undefined {
  try {
    const read = JSON.parse(fs.readFileSync(factPath(paths, id), "utf8")) as BackupFact;
    return { ...read, id };
  } catch {
    return undefined;
  }
}
