import fs from "node:fs";
import type { Context } from "../core/context.ts";
import { observeCurrent } from "../core/observe.ts";
import { recordedManifestPath } from "../core/paths.ts";
import { realPath } from "../core/real-path.ts";
import { areJobsHeld } from "../database/hold.ts";
import { placeOf } from "../service/definitions.ts";
import { isLaunching } from "../service/held-launch.ts";
import { observeProcessFacts, observeProcesses, startedAt } from "../processes/processes.ts";
import { releaseOfProcess } from "../service/running.ts";
import { servingManifestOf } from "../service/supervisors.ts";
import { JOB_MARK, scheduledNames } from "./jobs.ts";
import type { RunningJob } from "./managed-jobs.ts";

/** Whether the manifest in use has jobs, or the one that serves. */
export async function hasJobs(context: Context): Promise<boolean> {
  if (scheduledNames(context.manifest).length > 0) return true;
  const { releaseId } = observeCurrent(context.paths);
  const kept = releaseId === undefined ? undefined : recordedManifestPath(context.paths, releaseId);
  // Read only where the word is in it: a tree without jobs pays for no parser.
  if (kept === undefined || !fs.existsSync(kept) || !fs.readFileSync(kept, "utf8").includes("schedule")) return false;
  return scheduledNames(await servingManifestOf(context)).length > 0;
}

/**
 * Jobs of this tree that run now, whichever release they were started from: those that its service manager names, and those that
 * bear a crontab line's mark. One that this process is itself a part of does not count, for it would wait for itself; nor does one that
 * waits until data is changed.
 */
export async function runningJobs(context: Context): Promise<RunningJob[]> {
  // A switch asks whether there are jobs; only where there are some, their managers are loaded.
  const { managedJobs } = await import("./managed-jobs.ts");
  const serving = await servingManifestOf(context);
  const managed = [...new Set([serving, context.manifest])].map((manifest) => managedJobs(context, manifest));
  const ancestors = ancestorsOf(process.pid);
  const all = [...(await Promise.all(managed)).flat(), ...markedJobs(context)];
  const isHeld = areJobsHeld(context.paths);
  const others = all.filter(({ pid, isStarting = false }) => {
    if (pid === undefined) return !(isHeld && isStarting);
    return !ancestors.has(pid) && !(isHeld && (isStarting || isLaunching(pid)));
  });
  return [...new Map(others.map((job) => [`${job.name} ${job.pid}`, job])).values()];
}

/** By the mark in the environment of what a line of the crontab started, and of all that this started in turn. */
function markedJobs(context: Context): RunningJob[] {
  const { all, marks } = observeProcesses(JOB_MARK);
  const tree = realPath(context.paths.deployTo);
  const nameIn = (pid: number) => nameOf(marks.get(pid), tree);
  const own = nameOf(process.env[JOB_MARK], tree);
  return all.flatMap((one) => {
    const name = nameIn(one.pid);
    // Of each run its first process.
    if (name === undefined || name === own || nameIn(one.ppid) === name) return [];
    return [{ name, pid: one.pid, since: startedAt(one), releaseId: releaseOfProcess(placeOf(context), one.pid) }];
  });
}

/** The job of a mark, where it is one of this tree's. */
function nameOf(mark: string | undefined, tree: string): string | undefined {
  const at = mark?.lastIndexOf(":") ?? -1;
  if (mark === undefined || at < 0) return undefined;
  return realPath(mark.slice(0, at)) === tree ? mark.slice(at + 1) : undefined;
}

function ancestorsOf(pid: number): Set<number> {
  const found = new Set<number>();
  for (let at: number | undefined = pid; at && at > 1 && !found.has(at); at = observeProcessFacts(at)?.ppid)
    found.add(at);
  return found;
}
