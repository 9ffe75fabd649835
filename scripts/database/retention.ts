import type { Manifest } from "../../manifest.schema.ts";
import type { BackupFact } from "./backups.ts";

export type KeptBackups = NonNullable<Manifest["backups"]>["keep"];

/** Why a backup stays or goes. */
export interface BackupVerdict {
  id: string;
  goes: boolean;
  why: string;
}

export interface BackupChoice {
  /** `backups.keep`; without it, what a person or the schedule made stays. */
  keep: KeptBackups | undefined;
  /** Ids of the releases that stand. */
  releases: ReadonlySet<string>;
}

type Judged = Pick<BackupFact, "id" | "reason" | "created_at" | "release_id" | "target_id">;

/**
 * Judges backups, given the newest first. Those of a migration or a restore lead back from a release, and stay as long as it does. Of the
 * others the last one of each day, week and month (UTC, ISO weeks) stays, for as many as `keep` says of those that have one; what a person
 * made stays a week at least.
 */
export function judgeBackups(backups: readonly Judged[], { keep, releases }: BackupChoice): BackupVerdict[] {
  const counted = backups.filter(({ reason }) => reason === "scheduled" || reason === "manual");
  const kept = keep && whyKept(counted, keep);
  return backups.map((backup) => {
    const { id, reason } = backup;
    if (reason === "migration" || reason === "restore") return judgeWay(backup, releases);
    if (kept === undefined) return { id, goes: false, why: "the manifest has no backups.keep" };
    const why = kept.get(id);
    return { id, goes: why === undefined, why: why ?? "older than those to keep" };
  });
}

function judgeWay({ id, reason, target_id, release_id }: Judged, releases: ReadonlySet<string>): BackupVerdict {
  const release = target_id ?? release_id;
  const verb = reason === "migration" ? "the migration to" : "a restore under";
  // Of a time when nothing was deployed: there is no release with which it could go.
  if (release === null) return { id, goes: false, why: "it is from before the first release" };
  const goes = !releases.has(release);
  return { id, goes, why: `it is from before ${verb} ${release}, which ${goes ? "is gone" : "stands"}` };
}

function whyKept(counted: readonly Judged[], keep: KeptBackups): Map<string, string> {
  const why = new Map<string, string>();
  const say = (id: string, text: string) => why.has(id) || why.set(id, text);
  const aWeekAgo = Date.parse(counted[0]?.created_at ?? "") - 7 * 86_400_000;
  for (const { id, reason, created_at } of counted)
    if (reason === "manual" && Date.parse(created_at) > aWeekAgo) say(id, "a person made it in the last week");
  for (const { id } of counted.slice(0, keep.last))
    say(id, keep.last === 1 ? "it is the newest" : `it is one of the ${keep.last} newest`);
  const periods: [count: number, periodOf: (time: string) => string][] = [
    [keep.daily, (time) => new Date(time).toISOString().slice(0, 10)],
    [keep.weekly, (time) => `week ${isoWeek(new Date(time))}`],
    [keep.monthly, (time) => new Date(time).toISOString().slice(0, 7)],
  ];
  for (const [count, periodOf] of periods)
    for (const [period, id] of [...lastOfEach(counted, periodOf)].slice(0, count))
      say(id, `it is the last one of ${period}`);
  return why;
}

/** The newest of each period, the latest period first. */
function lastOfEach(counted: readonly Judged[], periodOf: (time: string) => string): Map<string, string> {
  const last = new Map<string, string>();
  for (const { id, created_at } of counted) {
    const period = periodOf(created_at);
    if (!last.has(period)) last.set(period, id);
  }
  return last;
}

/** `2026-W47`: the week of a day by ISO 8601, whose year is that of its Thursday. */
function isoWeek(day: Date): string {
  const thursday = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate()));
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7));
  const first = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = Math.ceil(((thursday.getTime() - first) / 86_400_000 + 1) / 7);
  return `${thursday.getUTCFullYear()}-W${String(week).padStart(2, "0")}`;
}
