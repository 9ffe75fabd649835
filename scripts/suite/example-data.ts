import type { Context } from "../core/context.ts";
import type { BackupFact } from "../database/backups.ts";
import { backup } from "../data/backup.ts";
import { restore } from "../data/restore.ts";
import { NO_PAGE } from "../release/page.ts";
import { UNMANAGED } from "../service/managed-steps.ts";
import { planActivation } from "../release/activation.ts";
import { exampleActivation, exampleTree, heldNames, names, NEW_ID, OLD_ID } from "./example-facts.ts";

/** The id of a backup that stands in generated pages for a real one. */
export const BACKUP_ID = "20261120-031000-backup-3f0c";

const exampleFact: BackupFact = {
  id: BACKUP_ID,
  reason: "scheduled",
  kind: "sqlite",
  created_at: "2026-11-20T03:10:00.000Z",
  release_id: OLD_ID,
  target_id: null,
  migration_marker: null,
  bytes: 0,
  sha256: "",
};

/** Facts of a database with one backup, for pages. */
const exampleDatabase = (context: Context) => ({
  database: { isThere: true, bytes: 0, freeBytes: Number.POSITIVE_INFINITY, backups: [exampleFact] },
  tree: exampleTree(OLD_ID),
  running: names(context),
  services: names(context),
  managed: { ...UNMANAGED, held: heldNames(context) },
  page: NO_PAGE,
  differences: [],
});

const withDatabase = (context: Context): Context => ({
  ...context,
  manifest: { ...context.manifest, database: context.manifest.database ?? { sqlite: "data/app.db" } },
});

export const exampleBackup = (context: Context) => backup.plan(withDatabase(context), exampleDatabase(context), {});

export const exampleDataRestore = (context: Context) =>
  restore.plan(withDatabase(context), exampleDatabase(context), { id: BACKUP_ID, yes: true });

/** A way back to a release whose schema is not the data's, with the data of that time. */
export function exampleDataRollback(context: Context) {
  const facts = exampleActivation(context, NEW_ID, OLD_ID);
  const crossing = { from: "", to: "", snapshot: exampleFact };
  const choice = { restoreData: true, isSure: true };
  const plan = planActivation(context, { ...facts, data: { ...facts.data, crossing } }, "rollback", choice);
  return { ...plan, title: `${plan.title} with --restore-data` };
}
