import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { observeTree, type TreeFacts } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import { command, type Plan, type Step } from "../core/step.ts";
import { soundBackup } from "../database/apply-restore.ts";
import { type BackupFact, dataPath } from "../database/backups.ts";
import { compareTables, COUNTED_BYTES, showDifference, type TableDifference } from "../database/difference.ts";
import { type DatabaseState, observeDatabase, refuseNoRoom, refuseWithout } from "../database/state.ts";
import { restoreStep, unusedStep } from "../database/steps.ts";
import { gate } from "../release/activation.ts";
import { drain, heldOf, start, stop, touching, without } from "../release/around-the-link.ts";
import { endHold, holdJobs, pauseTitle, step } from "../release/migration.ts";
import { observePage, type PageFacts } from "../release/page.ts";
import { isManaged } from "../schedule/jobs.ts";
import { hasJobs } from "../schedule/running-jobs.ts";
import { definitionsOf, recordedManifest } from "../service/definitions.ts";
import { observeManaged } from "../service/managed.ts";
import type { ManagedFacts } from "../service/managed-steps.ts";
import { runningServices } from "../service/supervisors.ts";
import { showAge, showTime } from "../text/amounts.ts";

export interface RestoreArgs {
  /** A backup's id; `latest` is the newest one that no restore made. */
  id: string;
  /** Agreed that what was written since the backup is lost. */
  yes?: boolean | undefined;
}

export interface RestoreFacts {
  tree: TreeFacts;
  database: DatabaseState;
  /** Services that run now, and those that the release which is current last ran healthy with. */
  running: string[];
  services: string[];
  /** Default: as the manifest in use says. */
  hasJobs?: boolean;
  managed: ManagedFacts;
  page: PageFacts;
  /** SQLite of less than 50 MB: tables whose number of rows would change. */
  differences: TableDifference[];
}

/** `ops/data/restore.ts <id> --yes`: brings a backup back; a failure brings back what was there. */
export const restore: Operation<RestoreFacts, RestoreArgs> = {
  kind: "restore",
  async observe(context, { id }) {
    const database = observeDatabase(context);
    const tree = observeTree(context.paths);
    const { releaseId } = tree.current;
    const manifest = releaseId ? await recordedManifest(context, releaseId) : context.manifest;
    return {
      tree,
      database,
      running: await runningServices(context),
      services: definitionsOf(manifest).map(({ name }) => name),
      hasJobs: await hasJobs(context),
      managed: await observeManaged(context, manifest),
      page: await observePage(context),
      differences: await observeDifferences(context, database, id),
    };
  },
  plan: (context, facts, args) => [planRestoreOf(context, facts, args)],
};

// The backup is proven to be whole before anything is stopped for it.
async function observeDifferences(context: Context, database: DatabaseState, id: string): Promise<TableDifference[]> {
  const fact = findBackup(database.backups, id);
  if (!fact || !context.manifest.database) return [];
  soundBackup(context, fact.id);
  const isSmall = Math.max(database.bytes, fact.bytes) < COUNTED_BYTES;
  if (!database.file || !database.isThere || fact.is_absent || !isSmall) return [];
  return compareTables(database.file, dataPath(context.paths, fact.id));
}

/** The backup that a person names. */
export const findBackup = (backups: BackupFact[], id: string): BackupFact | undefined =>
  id === "latest" ? backups.find(({ reason }) => reason !== "restore") : backups.find((one) => one.id === id);

/** @throws UsageError when there is no such backup */
export function chosenBackup(context: Context, backups: BackupFact[], id: string): BackupFact {
  const found = findBackup(backups, id);
  if (found) return found;
  const what = id === "latest" ? "there is no backup yet" : `there is no backup ${id}`;
  throw new UsageError(`${what} in ${context.paths.backups}`, {
    next: command(`${context.opsPath}/data/backup.ts`, ...context.flags, ...(backups.length > 0 ? ["--list"] : [])),
  });
}

function planRestoreOf(context: Context, facts: RestoreFacts, args: RestoreArgs): Plan {
  refuseWithout(context);
  const { tree, database, running } = facts;
  const fact = chosenBackup(context, database.backups, args.id);
  refuseUnasked(context, facts, fact, args);
  refuseNoRoom(context, database.bytes + fact.bytes, database.freeBytes);
  const releaseId = tree.current.releaseId;
  return {
    title: `Restore the backup ${fact.id}`,
    ...(releaseId ? { previousId: releaseId } : {}),
    notes: lossOf(facts, fact),
    steps: [
      ...holdJobs(context, facts.hasJobs),
      ...drain(context, releaseId, { ...facts, isStrict: true }),
      ...touching(facts.page.before),
      ...stopped(context, facts),
      ...touching([unusedStep(), step("save", "Back up what is there now", "save-as-it-is"), restoreStep(fact.id)]),
      ...started(context, facts),
      ...facts.page.after,
      step("settle", "Keep the data as it is now", "settle"),
    ],
    discard: [],
    revert: [
      ...stopped(context, facts),
      step("undo", "Bring back what was there before", "undo"),
      ...started(context, facts),
      ...facts.page.after,
    ],
    done: `The database is as it was at ${showTime(fact.created_at)} UTC.`,
    restored: `the data is as it was before${running.length > 0 && releaseId ? `, and ${releaseId} serves` : ""}`,
    stranded: [`${context.opsPath}/data/backup.ts --list`, `${context.opsPath}/service/status.ts`],
  };
}

/** A socket that its manager holds stays open: what comes meanwhile waits. */
function stopped(context: Context, facts: RestoreFacts): Step[] {
  const held = heldOf(facts);
  const paused = isManaged(context.manifest) ? [step("pause", pauseTitle(held), "pause", ...held)] : [];
  return [...paused, ...stop(context, without(facts.running, held))];
}

// A service that only a pid file knows is stopped, and nothing says how to start it again.
function started(context: Context, facts: RestoreFacts): Step[] {
  const id = facts.tree.current.releaseId;
  const again = facts.services.filter((name) => facts.running.includes(name));
  if (!id || again.length === 0) return endHold(context, isManaged(context.manifest));
  const held = heldOf(facts);
  const resumed = held.length > 0 ? [step("resume", `Start ${held.join(", ")}`, "resume-recorded", ...held)] : [];
  return [
    ...resumed,
    ...start(context, without(again, held), { isRecorded: true }),
    ...gate(context, id, { isRecorded: true }),
  ];
}

/** @throws UsageError that says what would be lost, unless that was agreed to */
function refuseUnasked(context: Context, facts: RestoreFacts, fact: BackupFact, { yes }: RestoreArgs): void {
  if (yes) return;
  const loss = lossOf(facts, fact).map((line) => `\n  ${line}`);
  throw new UsageError(`to restore ${fact.id} takes away what was written since then:${loss.join("")}`, {
    next: command(`${context.opsPath}/data/restore.ts`, ...context.flags, fact.id, "--yes"),
  });
}

function lossOf({ tree, differences }: RestoreFacts, fact: BackupFact): string[] {
  const age = showAge(tree.now.getTime() - Date.parse(fact.created_at));
  const marker = tree.rows.get(tree.current.releaseId ?? "")?.migration_marker;
  const isOtherSchema = marker != null && fact.migration_marker !== null && marker !== fact.migration_marker;
  return [
    `the backup is of ${showTime(fact.created_at)} UTC, ${age} ago${fact.is_absent ? ", when there was no database" : ""}`,
    ...differences.map(showDifference),
    ...(isOtherSchema
      ? [`its schema is ${fact.migration_marker}, and ${tree.current.releaseId}, which is current, wants ${marker}`]
      : []),
  ];
}
