import type { Paths } from "../core/paths.ts";
import { partOf, type RunStep, type Step } from "../core/step.ts";
import { type BackupFact, backupPath, factPath } from "./backups.ts";

type Subject = Partial<Pick<BackupFact, "release_id" | "target_id" | "migration_marker">>;

/** Backs the database up under the operation's own id. */
export function backupStep(reason: BackupFact["reason"], subject: Subject): RunStep {
  const words = [
    ...(subject.release_id ? [`release=${subject.release_id}`] : []),
    ...(subject.target_id ? [`target=${subject.target_id}`] : []),
    ...(subject.migration_marker ? [`marker=${subject.migration_marker}`] : []),
  ];
  const run = partOf("data/backup", "backup", reason, ...words);
  return { kind: "run", key: "data/backup", title: "Back up the database", run };
}

/** Brings a backup back; services that use the database are stopped by then. */
export const restoreStep = (id: string): RunStep => ({
  kind: "run",
  key: "data/restore",
  title: `Restore the backup ${id}`,
  run: partOf("data/restore", "restore", id),
});

/** Before anything is changed: whoever still writes would write into the kept file. */
export const unusedStep = (): RunStep => ({
  kind: "run",
  key: "data/unused",
  title: "See that nothing has the database open",
  run: partOf("data/restore", "unused"),
});

/** Without its facts it is no backup any more, whatever happens before the rest of it is gone. */
export const removeBackup = (paths: Paths, id: string): Step[] => [
  { kind: "remove", title: `Take the backup ${id} out of the list`, path: factPath(paths, id) },
  { kind: "remove", title: `Remove the files of the backup ${id}`, path: backupPath(paths, id) },
];
