import type { DatabaseSync } from "node:sqlite";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { observeCurrent } from "../core/observe.ts";
import type { SuiteCommand } from "../core/step.ts";
import type { ApplyContext } from "../core/steps/kind.ts";
import { applyBackup } from "./apply-backup.ts";
import { applyRestore, refuseUse } from "./apply-restore.ts";
import { type BackupReason, readBackup } from "./backups.ts";
import { knownMarker, recordMarker } from "./marker.ts";

type Part = (context: Context, words: string[], apply: ApplyContext, registry: DatabaseSync) => Promise<void>;

const PARTS: Record<string, Part> = {
  // backup REASON [release=ID] [target=ID] [marker=TEXT]: its id is the operation's.
  backup: (context, [reason = "manual", ...words], apply) =>
    applyBackup(
      context,
      {
        id: apply.operationId,
        reason: reason as BackupReason,
        release_id: valueOf(words, "release"),
        target_id: valueOf(words, "target"),
        migration_marker: valueOf(words, "marker"),
      },
      apply,
    ),
  // restore ID
  restore: bringBack,
  // unused: nothing has the database open.
  unused: async (context) => refuseUse(context),
};

/** The release that is current goes on with data of the backup's schema, and a way back is judged by that. */
async function bringBack(
  context: Context,
  [backup = ""]: string[],
  apply: ApplyContext,
  registry: DatabaseSync,
): Promise<void> {
  await applyRestore(context, { backup, operationId: apply.operationId }, apply);
  const { releaseId } = observeCurrent(context.paths);
  if (releaseId === undefined || !context.manifest.migrate) return;
  const marker = readBackup(context.paths, backup)?.migration_marker ?? (await knownMarker(context, releaseId, apply));
  if (marker !== null) recordMarker(context, registry, releaseId, marker);
}

const valueOf = (words: string[], name: string) =>
  words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;

/** The parts of backups, restores and migrations that are steps of their own: `ops/data/backup.ts --part …`. */
export async function applyDataPart(
  context: Context,
  { ops, args }: SuiteCommand,
  apply: ApplyContext,
  registry: DatabaseSync,
): Promise<void> {
  if (ops === "data/migrate")
    return (await import("./migration-parts.ts")).applyMigrationPart(context, args.slice(1), apply, registry);
  const [name = "", ...words] = args.slice(1);
  const part = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined;
  if (!part) throw new UsageError(`there is no part ${JSON.stringify(name)}: ${Object.keys(PARTS).join(", ")}`);
  await part(context, words, apply, registry);
}
