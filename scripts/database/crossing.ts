import { readReleaseJson } from "../build/release-json.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import type { TreeFacts } from "../core/observe.ts";
import { type Paths, releasePath } from "../core/paths.ts";
import { lineFrom } from "../registry/releases.ts";
import { showAge, showTime } from "../text/amounts.ts";
import { type BackupFact, databaseFile, dataPath, kindOf, observeBackups } from "./backups.ts";

/** A way back to a release whose schema is not the data's. */
export interface Crossing {
  /** The marker of the data, as the release that is current left it. */
  from: string;
  /** The marker of the release that is to be current. */
  to: string;
  /** The newest backup of data with that marker. */
  snapshot?: BackupFact;
  /** What has been written since that backup, as far as it can be told. */
  lost?: string;
}

/** What a person chose to do about the data on a way back. */
export interface DataChoice {
  restoreData?: boolean | undefined;
  keepData?: boolean | undefined;
  /** `--yes`. */
  isSure?: boolean | undefined;
}

/**
 * Looks whether going back crosses a change of the schema: where both markers are known, and differ.
 * @throws FailedError when the backup that is to be brought back is damaged
 */
export async function observeCrossing(
  context: Context,
  tree: TreeFacts,
  id: string,
  { restoreData }: DataChoice,
): Promise<Crossing | undefined> {
  const from = schemaOf(context.paths, tree.rows, tree.current.releaseId);
  const to = schemaOf(context.paths, tree.rows, id);
  if (!from || !to || from === to) return undefined;
  const { soundBackup } = await import("./apply-restore.ts");
  const kind = kindOf(context.manifest);
  const snapshot = observeBackups(context.paths).find((one) => one.migration_marker === to && one.kind === kind);
  if (!snapshot) return { from, to };
  if (restoreData) soundBackup(context, snapshot.id);
  const lost = await lostSince(context, snapshot);
  return { from, to, snapshot, ...(lost ? { lost } : {}) };
}

/**
 * A release's marker; of one that was deployed without migrations, that of the last one before it which has one. What the registry does
 * not know says it itself.
 */
export function schemaOf(paths: Paths, rows: TreeFacts["rows"], id: string | undefined): string | undefined {
  if (id === undefined) return undefined;
  if (!rows.has(id)) return readReleaseJson(releasePath(paths, id))?.["migration_marker"]?.toString();
  return [...lineFrom(rows, id)].map((at) => rows.get(at)?.migration_marker).find((marker) => marker) ?? undefined;
}

/** What SQLite's tables say, where they are quickly read. */
async function lostSince({ paths, manifest }: Context, { id, bytes, is_absent }: BackupFact): Promise<string> {
  const sqlite = manifest.database?.sqlite;
  const { compareTables, COUNTED_BYTES, showDifference } = await import("./difference.ts");
  if (sqlite === undefined || is_absent || bytes > COUNTED_BYTES) return "";
  const differences = await compareTables(databaseFile(paths, sqlite), dataPath(paths, id));
  return differences.map(showDifference).join("; ");
}

/**
 * What is to be done about the data on a way back: nothing, or a backup to bring.
 * @throws UsageError with the choices where a person has to choose
 */
export function chosenSnapshot(
  context: Context,
  id: string,
  { tree, crossing }: { tree: TreeFacts; crossing: Crossing | undefined },
  { restoreData, keepData, isSure }: DataChoice,
): BackupFact | undefined {
  if (restoreData && keepData) throw new UsageError("--restore-data and --keep-data are two things: give one of them");
  if (!crossing && restoreData)
    throw new UsageError(
      `the schema of ${id} is not known to differ from that of the data: there is nothing to restore`,
      {
        next: [`${context.opsPath}/release/rollback.ts ${id}`, `${context.opsPath}/data/restore.ts`],
      },
    );
  if (!crossing || keepData) return undefined;
  const { snapshot } = crossing;
  const rollback = `${context.opsPath}/release/rollback.ts ${id}`;
  if (restoreData && isSure && snapshot) return snapshot;
  throw new UsageError(
    [...told(id, tree, crossing), ...(restoreData && snapshot ? ["  only --yes agrees to that"] : [])].join("\n"),
    {
      next: [...(snapshot ? [`${rollback} --restore-data --yes`] : []), `${rollback} --keep-data`],
    },
  );
}

function told(id: string, { now, current }: TreeFacts, { from, to, snapshot, lost }: Crossing): string[] {
  return [
    `going back to ${id} crosses a change of the schema: the data has ${from} (${current.releaseId}), and ${id} had ${to}; nothing was touched`,
    snapshot
      ? `  --restore-data brings back the data of ${showTime(snapshot.created_at)} UTC, ${showAge(now.getTime() - Date.parse(snapshot.created_at))} ago (backup ${snapshot.id}); what was written since then is lost${lost ? ` (${lost})` : ""}`
      : `  there is no backup of data with the schema ${to}: --restore-data is not possible`,
    `  --keep-data starts ${id} on the data as it is`,
  ];
}
