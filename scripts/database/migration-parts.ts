import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { DatabaseSync } from "node:sqlite";
import type { Context } from "../core/context.ts";
import { syncDirectory } from "../core/durable.ts";
import { UsageError } from "../core/errors.ts";
import { observeCurrent } from "../core/observe.ts";
import { reporter } from "../terminal/reporter.ts";
import type { ApplyContext } from "../core/steps/kind.ts";
import { getRow, listRows, type ReleaseRow } from "../registry/releases.ts";
import { applyBackup } from "./apply-backup.ts";
import { applyRestore, spendShared } from "./apply-restore.ts";
import { backupPath, type BackupReason, readBackup } from "./backups.ts";
import { schemaOf } from "./crossing.ts";
import { endJobHold, hold, holdJobs } from "./hold.ts";
import { isMarked, mark, markedBackups, unmark } from "./mark.ts";
import { knownMarker, readMarker, recordMarker } from "./marker.ts";

interface Part {
  context: Context;
  apply: ApplyContext;
  registry: DatabaseSync | undefined;
  words: string[];
  /** Pasted from a dry run. */
  isByHand: boolean;
}

/** The parts of a migration that are steps of their own: `ops/data/migrate.ts --part NAME WORD…`. */
const PARTS: Record<string, (part: Part) => void | Promise<void>> = {
  "hold-jobs": applyHoldJobs,
  pause: applyPause,
  resume: (part) => applyResume(part, false),
  "resume-recorded": (part) => applyResume(part, true),
  save: (part) => applySave(part, "migration"),
  "save-as-it-is": (part) => applySave(part, "restore"),
  record: applyRecord,
  take: applyTake,
  bring: ({ context, apply, words: [backup = ""] }) =>
    applyRestore(context, { backup, operationId: apply.operationId }, apply),
  undo: applyUndo,
  settle: applySettle,
};

/** Does one part of a migration. @throws UsageError for a part that there is not */
export async function applyMigrationPart(
  context: Context,
  [name = "", ...words]: string[],
  apply: ApplyContext,
  registry: DatabaseSync | undefined,
  isByHand = false,
): Promise<void> {
  const part = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined;
  if (!part) throw new UsageError(`there is no part ${JSON.stringify(name)}: ${Object.keys(PARTS).join(", ")}`);
  await part({ context, apply, registry, words, isByHand });
}

/** What looked for the file just before it stood is the job itself by then, and no launcher of it; in milliseconds. */
const LAUNCHED = 300;

async function applyHoldJobs({ context, apply: { signal } }: Part): Promise<void> {
  holdJobs(context.paths);
  await sleep(LAUNCHED, undefined, signal ? { signal } : {}).catch(() => undefined);
}

/** Stops services whose sockets stay open; a request that comes waits for the start, and the start for `resume`. */
async function applyPause({ context, words }: Part): Promise<void> {
  hold(context.paths);
  const { supervisorsRunning } = await import("../service/supervisors.ts");
  for (const name of words)
    for (const supervisor of await supervisorsRunning(context, name)) await supervisor.pause?.(name);
}

async function applyResume({ context, words }: Part, recorded: boolean): Promise<void> {
  const { applyStart } = await import("../service/start.ts");
  await applyStart(context, words, { recorded, isPaused: true });
}

/**
 * Backs the data up before it is changed, and marks that it is about to be. What serves now is given the data's marker first:
 * so a way back across the change is noticed, also to a release that was deployed before there were migrations.
 */
async function applySave({ context, apply, registry, words: [target = ""] }: Part, reason: BackupReason) {
  const { paths, manifest } = context;
  const { releaseId } = observeCurrent(paths);
  const reader = reason === "migration" ? target : releaseId;
  const marker = reader === undefined ? null : await knownMarker(context, reader, apply);
  if (reason === "migration" && releaseId !== undefined && marker !== null)
    recordMarker(context, registry, releaseId, marker);
  if (!manifest.database) return;
  await applyBackup(
    context,
    {
      id: apply.operationId,
      reason,
      release_id: releaseId ?? null,
      target_id: reason === "migration" ? target : null,
      migration_marker: marker,
    },
    apply,
  );
  mark(paths, apply.operationId);
}

/** The release's schema is what its migration left. */
async function applyRecord({ context, apply, registry, words: [target = ""] }: Part): Promise<void> {
  const marker = await readMarker(context, target, apply);
  if (marker !== null) recordMarker(context, registry, target, marker);
}

/** A release that goes on with the data of another one has that one's schema from then on. */
function applyTake({ context, registry, words: [target = "", from = ""] }: Part): void {
  const rows = registry ? listRows(registry).map((row): [string, ReleaseRow] => [row.release_id, row]) : [];
  const marker = schemaOf(context.paths, new Map(rows), from);
  if (marker) recordMarker(context, registry, target, marker);
}

/** The operation's own mark; pasted by hand, where each step is a process of its own, the mark that there is. */
function marked({ context: { paths }, apply, words: [id], isByHand }: Part): string[] {
  if (isByHand && id === undefined) return markedBackups(paths);
  return [id ?? apply.operationId].filter((one) => isMarked(paths, one));
}

/** Brings back what was backed up, if it was about to be changed. Before anything is started: what is written later stays. */
async function applyUndo(part: Part): Promise<void> {
  const { context, apply, registry } = part;
  for (const id of marked(part)) {
    await applyRestore(context, { backup: id, operationId: id, mayShare: true }, apply);
    const { release_id: served, migration_marker: marker } = readBackup(context.paths, id) ?? {};
    // A release that was migrated without a switch has its own schema again.
    if (served && marker) recordMarker(context, registry, served, marker);
    spendShared(context, id);
    unmark(context.paths, id);
  }
}

/** The data stands as it is. A backup of data whose schema did not change leads back nowhere, and goes. */
function applySettle(part: Part): void {
  const { paths } = part.context;
  endJobHold(paths);
  for (const id of marked(part)) {
    unmark(paths, id);
    if (isChanged(part, id)) continue;
    try {
      fs.rmSync(backupPath(paths, id), { recursive: true, force: true });
      syncDirectory(paths.backups);
    } catch (error) {
      reporter().warn(`${backupPath(paths, id)} is not needed, and could not be removed: ${(error as Error).message}`);
    }
  }
}

function isChanged({ context, registry }: Part, id: string): boolean {
  const backup = readBackup(context.paths, id);
  if (backup?.reason !== "migration" || !backup.target_id || backup.migration_marker === null) return true;
  return !registry || getRow(registry, backup.target_id)?.migration_marker !== backup.migration_marker;
}
