import fs from "node:fs";
import type { Context } from "../core/context.ts";
import { standing } from "../core/durable.ts";
import type { TreeFacts } from "../core/observe.ts";
import { quote } from "../core/step.ts";
import { databaseFile, findUnfinishedBackups, observeBackups } from "../database/backups.ts";
import { isSqlite } from "../database/sqlite-file.ts";
import { holdPath, jobHoldPath } from "../database/hold.ts";
import { lastFirings } from "../schedule/firings.ts";
import { observeProcessFacts } from "../processes/processes.ts";
import { showAge, showBytes } from "../text/amounts.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";
import { whyNoStart } from "./script-words.ts";

const BACK_UP = "ops/data/backup.ts";

/** The database: its file, or the programs that save it and bring it back. */
export function checkDatabase({ manifest, paths }: Context, { isTree }: Pick<TreeFacts, "isTree">): Finding[] {
  const { database } = manifest;
  if (!database || !isTree) return [];
  if (database.sqlite !== undefined) return [checkFile(databaseFile(paths, database.sqlite)), ...unlinked(manifest)];
  const cwd = fs.existsSync(paths.current) ? paths.current : paths.shared;
  const found = (["backup", "restore", "prove"] as const).flatMap((verb) => {
    const why = whyNoStart(database[verb] ?? [], cwd);
    return why === undefined
      ? []
      : [wrong("database", `database.${verb}: ${why}`, `install it, or name its place in database.${verb}`)];
  });
  const unproven = database.prove
    ? []
    : [
        note(
          "database",
          "without database.prove nobody knows that a backup can be restored",
          "$EDITOR deploy.yaml   # database.prove",
        ),
      ];
  return found.length > 0 ? found : [ok("database", "behind commands"), ...unproven];
}

function checkFile(file: string): Finding {
  try {
    const { size } = fs.statSync(file);
    if (!isSqlite(file) && size > 0)
      return wrong("database", `${file} is no SQLite database`, `file ${quote(file)}`, `${BACK_UP} --list`);
    return ok("database", `${file}, ${showBytes(size)}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return note("database", `${file} does not exist yet`);
    return wrong("database", `${file} cannot be read: ${(error as Error).message}`, `ls -l ${quote(file)}`);
  }
}

/** A database that no release links to is another one than the services write to. */
function unlinked({ database, linked_files, linked_dirs }: Context["manifest"]): Finding[] {
  const place = database?.sqlite ?? "";
  const isLinked =
    linked_files.some(({ shared }) => shared === place) ||
    linked_dirs.some(({ shared }) => place.startsWith(`${shared}/`));
  return isLinked
    ? []
    : [
        note(
          "database",
          `nothing links ${place} into a release`,
          `$EDITOR deploy.yaml   # add it to linked_files, or its folder to linked_dirs`,
        ),
      ];
}

/** Backups: the newest one against their schedule, and what was begun and never finished. */
export function checkBackups({ manifest, paths }: Context, { isTree, open, now }: TreeFacts): Finding[] {
  if (!isTree || !manifest.database) return [];
  const isAtWork = open.some(({ pid }) => observeProcessFacts(pid));
  const left = isAtWork ? [] : findUnfinishedBackups(paths);
  return [
    ...newest(observeBackups(paths)[0]?.created_at, manifest.backups?.schedule, now),
    ...(left.length > 0
      ? [note("backups", `never finished: ${left.join(", ")}; the next one takes that away`, BACK_UP)]
      : []),
  ];
}

function newest(createdAt: string | undefined, cron: string | undefined, now: Date): Finding[] {
  if (createdAt === undefined) return [note("backups", "there is none yet", BACK_UP)];
  const age = showAge(now.getTime() - Date.parse(createdAt));
  const missed = cron === undefined ? undefined : lastFirings(cron, now, 2)[1];
  if (missed === undefined || Date.parse(createdAt) >= missed.getTime())
    return [ok("backups", `the newest is ${age} old`)];
  return [
    wrong(
      "backups",
      `the newest is ${age} old: by ${cron} two more should have been made`,
      BACK_UP,
      "ops/host/doctor.ts   # what starts it at its times",
    ),
  ];
}

/** What holds services or jobs back, and nothing is at work that would let them go. */
export function checkHold({ paths }: Context, { open }: Pick<TreeFacts, "open">): Finding[] {
  // Of an operation that works or was interrupted, `operations` says what to type.
  if (open.length > 0) return [];
  if (standing(holdPath(paths)))
    return [
      wrong(
        "hold",
        `${holdPath(paths)} is left: services and jobs wait before they start`,
        "ops/data/backup.ts --list   # is the data as it should be?",
        "ops/service/start.ts",
      ),
    ];
  if (standing(jobHoldPath(paths)))
    return [wrong("hold", `${jobHoldPath(paths)} is left: jobs wait before they start`, "ops/release/recover.ts")];
  return [];
}

/** Whether `drain.run` can start: one that cannot is a no, and holds every switch up until its time is over. */
export function checkDrain({ manifest, paths }: Context, { current }: Pick<TreeFacts, "current">): Finding[] {
  if (!manifest.drain || current.releaseId === undefined) return [];
  const why = whyNoStart(manifest.drain.run, paths.current);
  return why === undefined
    ? []
    : [wrong("drain", `drain.run: ${why}`, `(cd ${quote(paths.current)} && ${manifest.drain.run.join("; ")})`)];
}
