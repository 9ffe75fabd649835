import type { Context } from "../core/context.ts";
import { showAge, showBytes, showTime } from "../text/amounts.ts";
import { type Column, renderTable } from "../text/table.ts";
import { type BackupFact, observeBackups } from "./backups.ts";

/** A backup as `backup --list --json` gives it. */
export type ListedBackup = Omit<BackupFact, "is_absent"> & { is_absent: boolean; age_ms: number };

/** Complete backups, the newest first. */
export const observeListed = ({ paths }: Context, now = Date.now()): ListedBackup[] =>
  observeBackups(paths).map((fact) => ({
    ...fact,
    is_absent: fact.is_absent === true,
    age_ms: now - Date.parse(fact.created_at),
  }));

/** The table for a person. */
export const renderBackups = (backups: ListedBackup[]): string =>
  backups.length === 0 ? "no backups yet: ops/data/backup.ts makes one" : renderTable(COLUMNS, backups).join("\n");

const COLUMNS: Column<ListedBackup>[] = [
  { title: "BACKUP", cell: ({ id }) => id },
  { title: "MADE (UTC)", cell: ({ created_at }) => showTime(created_at) },
  { title: "AGO", cell: ({ age_ms }) => showAge(age_ms), drop: 1 },
  { title: "WHY", cell: ({ reason, target_id }) => (target_id ? `${reason} to ${target_id}` : reason) },
  { title: "RELEASE", cell: ({ release_id }) => release_id ?? "-", drop: 2 },
  { title: "SCHEMA", cell: ({ migration_marker }) => migration_marker ?? "-", drop: 3 },
  { title: "SIZE", cell: ({ bytes, is_absent }) => (is_absent ? "no database" : showBytes(bytes)), isRight: true },
];
