import fs from "node:fs";
import type { Context } from "../core/context.ts";
import { observeRelease, observeTree, type TreeFacts } from "../core/observe.ts";
import { seconds } from "../terminal/durations.ts";
import { reporter } from "../terminal/reporter.ts";
import { observeBackups } from "../database/backups.ts";
import { noteLines, observeServices, serviceLines, type ServiceStatus } from "../service/status.ts";
import { showAge, showBytes, showTime } from "../text/amounts.ts";
import { rollbackTarget } from "./list.ts";
import { isServing } from "../registry/releases.ts";
import { maintenanceFlagPath } from "../site/flag.ts";
import { printable } from "../text/table.ts";
import { entryOf, observeTimeline, showOperation, type TimelineEntry } from "./timeline.ts";

/** What `status --json` gives. */
export interface ReleaseStatus {
  app: string;
  environment: string | null;
  deploy_to: string;
  /** A release is current, and all its services run from it. */
  is_serving: boolean;
  current: CurrentStatus | null;
  /** The release that a rollback without an id goes to. */
  rollback_target: string | null;
  services: ServiceStatus[];
  /** Operations that have no end yet: `outcome` is `at work` or `interrupted`. */
  open_operations: TimelineEntry[];
  /** The latest one that has an end. */
  last_operation: TimelineEntry | null;
  disk: { free_bytes: number; total_bytes: number } | null;
  /** Null where the manifest names no database. */
  database: DatabaseStatus | null;
  notes: string[];
}

interface DatabaseStatus {
  /** The revision that the schema had when the current release was made current; null where nothing told it. */
  schema: string | null;
  /** ISO 8601 UTC: of the newest backup; null where there is none. */
  last_backup_at: string | null;
}

interface CurrentStatus {
  release_id: string;
  commit_sha: string;
  ref: string | null;
  built_at: string | null;
  /** The registry's word; null when it does not know the release. */
  status: string | null;
  /** ISO 8601 UTC: when the link was made. */
  since: string;
  path: string;
}

/** Looks at what serves, and at what a person would ask next. */
export async function observeStatus(context: Context): Promise<ReleaseStatus> {
  const { paths, manifest, loaded } = context;
  const tree = observeTree(paths);
  const { is_serving, services, notes } = await observeServices(context);
  return {
    app: manifest.app,
    environment: loaded.environment ?? null,
    deploy_to: paths.deployTo,
    is_serving,
    current: currentOf(context, tree),
    rollback_target: rollbackTarget(context, tree) ?? null,
    services,
    open_operations: tree.open.map((row) => entryOf(paths, row)),
    last_operation: observeTimeline(paths, 20).find(({ finished_at }) => finished_at !== null) ?? null,
    disk: observeDisk(paths.deployTo),
    database: databaseOf(context, tree),
    notes: [...linkNotes(tree), ...pageNotes(context), ...notes],
  };
}

function currentOf({ paths }: Context, { current, rows }: TreeFacts): CurrentStatus | null {
  const id = current.releaseId;
  if (id === undefined) return null;
  const fact = observeRelease(paths, id);
  return {
    release_id: id,
    commit_sha: fact.sha || rows.get(id)?.commit_sha || "",
    ref: fact.ref ?? null,
    built_at: fact.builtAt ?? null,
    status: rows.get(id)?.status ?? null,
    since: fs.lstatSync(paths.current).mtime.toISOString(),
    path: fs.realpathSync(paths.current),
  };
}

function databaseOf({ manifest, paths }: Context, { current, rows }: TreeFacts): DatabaseStatus | null {
  if (!manifest.database) return null;
  return {
    schema: rows.get(current.releaseId ?? "")?.migration_marker ?? null,
    last_backup_at: observeBackups(paths)[0]?.created_at ?? null,
  };
}

function linkNotes({ current }: TreeFacts): string[] {
  if (current.kind === "directory" || current.kind === "file")
    return [`current is a real ${current.kind}, and has to be a link to a release`];
  return current.kind === "link" && current.releaseId === undefined
    ? [`current leads to ${current.target}, which is no release`]
    : [];
}

/** That visitors get the maintenance page is easily forgotten: the services look as ever. */
function pageNotes({ manifest, paths }: Context): string[] {
  const hasPage = Object.values(manifest.sites).some((site) => site.maintenance);
  const flag = hasPage ? fs.statSync(maintenanceFlagPath(paths), { throwIfNoEntry: false }) : undefined;
  if (!flag) return [];
  return [
    `the sites answer with the maintenance page since ${showTime(flag.mtime.toISOString())} UTC; ops/host/maintenance.ts off ends that`,
  ];
}

function observeDisk(place: string): ReleaseStatus["disk"] {
  if (!fs.existsSync(place)) return null;
  const { bavail, blocks, bsize } = fs.statfsSync(place);
  return { free_bytes: bavail * bsize, total_bytes: blocks * bsize };
}

/** `ops/release/status.ts` for a person. */
export function renderStatus(status: ReleaseStatus, now = new Date()): string {
  const { app, environment, current, is_serving } = status;
  const name = environment === null ? app : `${app} (${environment})`;
  const verb = is_serving ? "serves" : current ? "does not serve as it should:" : "does not serve: nothing is deployed";
  const head = reporter().paint(
    is_serving ? "green" : "red",
    [name, verb, current?.release_id].filter(Boolean).join(" "),
  );
  const facts = factsOf(status, now).map(
    ([label, value]) => `  ${reporter().paint("dim", label.padEnd(10))} ${printable(value)}`,
  );
  return [head, ...facts, ...serviceLines(status.services, now), ...openLines(status), ...noteLines(status.notes)].join(
    "\n",
  );
}

function factsOf(
  { current, rollback_target, deploy_to, disk, database, last_operation }: ReleaseStatus,
  now: Date,
): [string, string][] {
  const ago = (iso: string) => `${showTime(iso)} UTC (${showAge(now.getTime() - Date.parse(iso))} ago)`;
  const room = disk
    ? `, ${showBytes(disk.free_bytes)} of ${showBytes(disk.total_bytes)} free`
    : ", which does not exist yet";
  return [
    ...(current ? currentFacts(current, ago) : []),
    ["rollback", rollback_target ? `goes to ${rollback_target}` : "has nowhere to go: no earlier good release"],
    ["tree", `${deploy_to}${room}`],
    ...(database ? [["data", showDatabase(database, ago)] as [string, string]] : []),
    ...(last_operation ? [["last", showLast(last_operation, ago)] as [string, string]] : []),
  ];
}

function currentFacts(
  { since, commit_sha, ref, built_at, status }: CurrentStatus,
  ago: (iso: string) => string,
): [string, string][] {
  const built = built_at ? `, built ${showTime(built_at)} UTC` : "";
  return [
    ["since", ago(since)],
    ["commit", `${commit_sha.slice(0, 12) || "it does not say"}${ref ? ` (${ref})` : ""}${built}`],
    ["registry", registryWord(status)],
  ];
}

// The link wins: what the registry has is mended under the lock, not by a look.
function registryWord(status: string | null): string {
  if (status === null) return "does not know it: made by hand, or by another tool";
  return isServing(status) ? status : `has it as ${status}; the next command that changes something mends that`;
}

const showDatabase = ({ schema, last_backup_at }: DatabaseStatus, ago: (iso: string) => string) =>
  `schema ${schema ?? "not known"}, ${last_backup_at ? `backed up ${ago(last_backup_at)}` : "no backup yet"}`;

function showLast(
  { kind, release_id, outcome, started_at, duration_ms }: TimelineEntry,
  ago: (iso: string) => string,
): string {
  const took = duration_ms === null ? "" : ` in ${seconds(duration_ms)}`;
  return `${[kind, release_id].filter(Boolean).join(" ")}: ${outcome}${took}, ${ago(started_at)}`;
}

function openLines({ open_operations }: ReleaseStatus): string[] {
  return open_operations.flatMap((entry) => {
    const isAtWork = entry.outcome === "at work";
    const said = isAtWork
      ? "at work now"
      : "interrupted: the next command that changes something undoes it, or ops/release/recover.ts";
    return ["", reporter().paint(isAtWork ? "cyan" : "yellow", showOperation(entry)), `  ${said}`];
  });
}
