import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { otherTreeIn } from "../render/other-trees.ts";
import { ownTextOf } from "../render/reading.ts";
import { subjectOf } from "../render/subject.ts";
import { placeOf } from "../service/definitions.ts";
import { observeProcessFacts, startedAt } from "../processes/processes.ts";
import { releaseOfProcess, releaseSinceLink } from "../service/running.ts";
import { type Scope, scopeOf } from "../systemd/systemctl.ts";
import { scheduledNames } from "./jobs.ts";

/** A job of the manifest (a service with a `schedule`) that runs now. */
export interface RunningJob {
  name: string;
  /** Of its main process; undefined while its manager has none, such as at its end. */
  pid?: number | undefined;
  /** Its unit's ExecStartPre is at work, which holds it back. */
  isStarting?: boolean;
  since?: Date | undefined;
  /** The release that it works in, which need not be current any more. */
  releaseId?: string | undefined;
}

/** Jobs of a manifest that its own service manager runs now; none where cron starts them. */
export async function managedJobs(context: Context, manifest: Manifest): Promise<RunningJob[]> {
  const names = scheduledNames(manifest);
  if (names.length === 0) return [];
  const scope = scopeOf(manifest);
  if (scope) return unitJobs(context, manifest, scope, names);
  return manifest.supervisor === "launchd" ? launchdJobs(context, manifest, names) : [];
}

/** A job's unit is `activating` while it works (Type=oneshot), and `deactivating` while it ends (systemd.service(5)). */
const AT_WORK = new Set(["activating", "deactivating"]);
const ASKED = ["ActiveState", "SubState", "Type", "MainPID", "ControlPID", "FragmentPath"];

async function unitJobs(context: Context, manifest: Manifest, scope: Scope, names: string[]): Promise<RunningJob[]> {
  const { showUnits, whyNoManager } = await import("../systemd/systemctl.ts");
  if (whyNoManager(scope)) return [];
  const { unitOf } = await import("../systemd/names.ts");
  const units = names.map((name) => unitOf(manifest, name));
  const isOther = (file: string | undefined) =>
    file ? otherTreeIn(ownTextOf(file) ?? "", context.paths.deployTo) !== undefined : false;
  return showUnits(scope, units, ASKED).flatMap((unit, index) => {
    const { ActiveState = "", SubState, Type, MainPID, ControlPID, FragmentPath } = unit;
    // A unit of this name may have become that of a service that stays up.
    if (!AT_WORK.has(ActiveState) || Type !== "oneshot" || isOther(FragmentPath)) return [];
    const job = jobOf(context, names[index] as string, Number(MainPID) || Number(ControlPID) || undefined);
    return [SubState === "start-pre" ? { ...job, isStarting: true } : job];
  });
}

async function launchdJobs(context: Context, manifest: Manifest, names: string[]): Promise<RunningJob[]> {
  const { hasLaunchd, printJob } = await import("../launchd/launchctl.ts");
  if (!hasLaunchd()) return [];
  const { targetOfService } = await import("../launchd/names.ts");
  const { owner } = subjectOf(context, manifest);
  return names.flatMap((name) => {
    const pid = printJob(targetOfService(manifest, owner, name))?.pid;
    return pid === undefined ? [] : [jobOf(context, name, pid)];
  });
}

function jobOf(context: Context, name: string, pid: number | undefined): RunningJob {
  const main = pid === undefined ? undefined : observeProcessFacts(pid);
  if (!main) return { name, pid };
  const releaseId = releaseOfProcess(placeOf(context), main.pid) ?? releaseSinceLink(placeOf(context), main);
  return { name, pid, since: startedAt(main), releaseId };
}
