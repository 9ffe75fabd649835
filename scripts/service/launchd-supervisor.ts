import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { FailedError, UsageError } from "../core/errors.ts";
import { realPath } from "../core/real-path.ts";
import {
  launchctlLine,
  launchctlWords,
  loadLine,
  type Printed,
  printJob,
  refuseWithoutLaunchd,
  runLaunchctl,
  unloadLine,
} from "../launchd/launchctl.ts";
import { serviceTarget, type Target, targetOfService } from "../launchd/names.ts";
import { MARGIN } from "../launchd/plist-steps.ts";
import { PLIST_MARK, plistMarkOf } from "../launchd/plist-mark.ts";
import type { Subject } from "../render/subject.ts";
import { type ServiceDefinition, type ServicePlace, serviceOf } from "./definition.ts";
import { endProcesses } from "../processes/end.ts";
import { SERVICE_MARK, serviceMark } from "./environment.ts";
import { type KnownProcess, serviceMembers } from "../processes/members.ts";
import {
  environmentOf,
  isSameProcess,
  observeProcess,
  observeProcesses,
  observeProcessFacts,
  type ProcessFacts,
} from "../processes/processes.ts";
import { releaseOfDirectory, releaseSinceLink, runningState } from "./running.ts";
import { lastLogLines } from "./service-log.ts";
import type { ServiceState, StartResult, StopResult, Supervisor } from "./supervisor.ts";

/** A manifest's services as jobs of launchd. */
interface Jobs {
  subject: Pick<Subject, "manifest" | "owner">;
  place: ServicePlace;
}

/** Runs the services of a tree as jobs of launchd; their property lists are installed already (launchd/manager.ts). */
export function launchdSupervisor(subject: Jobs["subject"], place: ServicePlace): Supervisor {
  // As under the pid-file supervisor: what an operation starts is no part of a service that started the operation.
  delete process.env[SERVICE_MARK];
  const jobs: Jobs = { subject, place };
  return {
    observe: async (service) => observe(jobs, typeof service === "string" ? service : service.name),
    start: (definition) => start(jobs, definition),
    restart: (definition) => restart(jobs, definition),
    stop: (name, stopTimeout) => stop(jobs, name, stopTimeout),
    lastLogLines: (definition, count) => lastLogLines(definition, place, count),
  };
}

const targetIn = ({ subject }: Jobs, name: string) => targetOfService(subject.manifest, subject.owner, name);

function observe(jobs: Jobs, name: string): ServiceState {
  refuseWithoutLaunchd();
  const printed = printJob(targetIn(jobs, name));
  const main = observeProcessFacts(printed?.pid ?? -1);
  if (!main) return { name, state: stateOf(jobs, name, printed), processes: [], pidFile: "missing" };
  return runningState(name, main, membersOf(jobs, name, main), releaseIdOf(jobs, name, main, printed));
}

/** Without a process: one that launchd starts again in a moment is not stopped, and has to be when the release changes. */
function stateOf({ subject }: Jobs, name: string, printed: Printed | undefined): ServiceState["state"] {
  if (!printed) return "stopped";
  const when = subject.manifest.services[serviceOf(name)]?.restart ?? "always";
  const comesBack = when === "always" || (when === "on-failure" && printed.lastExitCode !== 0);
  return comesBack ? "running" : "stale";
}

function membersOf({ place }: Jobs, name: string, main?: KnownProcess, known: readonly KnownProcess[] = []) {
  // Its property list names the tree as the manifest does, which may be by a link.
  const own = [serviceMark(place, name), `${place.deployTo}#${name}`];
  return serviceMembers({ ...observeProcesses(SERVICE_MARK), own, main, known, self: process.pid });
}

/**
 * By the main process's working directory, or its environment. One of another user shows neither; what is loaded names `current`,
 * so that a process which was started after the link was made runs what the link names.
 */
function releaseIdOf(jobs: Jobs, name: string, main: ProcessFacts, printed: Printed | undefined): string | undefined {
  const { place } = jobs;
  const cwd = observeProcess(main.pid)?.cwd;
  const told = releaseOfDirectory(place, cwd) ?? environmentOf(main.pid)?.["RELEASE_ID"];
  if (told !== undefined || cwd !== undefined) return told;
  return isLoadedAsInstalled(targetIn(jobs, name), printed) ? releaseSinceLink(place, main) : undefined;
}

const isLoadedAsInstalled = (target: Target, printed: Printed | undefined) => {
  const installed = plistMarkOf(target.path);
  return installed !== undefined && printed?.environment[PLIST_MARK] === installed;
};

async function start(jobs: Jobs, { name, stop_timeout: timeout }: ServiceDefinition): Promise<StartResult> {
  const target = installedTarget(jobs, name);
  const { pid, startTime } = observe(jobs, name);
  if (pid !== undefined && startTime !== undefined) return { already: true, pid, startTime, warnings: [] };
  const printed = printJob(target);
  if (isLoadedAsInstalled(target, printed)) await order(target, launchctlWords.kickstart(target));
  else await reload(target, timeout);
  return started(jobs, name, printed?.runs);
}

/** What is loaded anew reads its property list; what is loaded already does so never again. */
async function reload(target: Target, timeout: number): Promise<void> {
  await runLaunchctl(target, unloadLine(target, timeout / 1000 + MARGIN));
  await runLaunchctl(target, loadLine(target));
}

const order = (target: Target, words: string[]) => runLaunchctl(target, launchctlLine(words, target));

/**
 * Ends the process, and has launchd start it at once. `kickstart -k` alone kills it without a word (SIGKILL): it is for one that did
 * not end in time.
 */
async function restart(jobs: Jobs, definition: ServiceDefinition): Promise<StartResult> {
  const { name, stop_timeout: timeout } = definition;
  const target = installedTarget(jobs, name);
  const { pid, startTime } = observe(jobs, name);
  const printed = printJob(target);
  if (pid === undefined || startTime === undefined || !isLoadedAsInstalled(target, printed)) {
    await reload(target, timeout);
    return started(jobs, name, 0);
  }
  await order(target, launchctlWords.terminate(target));
  const isGone = await isTrueWithin(timeout, () => !isSameProcess(pid, startTime));
  await order(target, isGone ? launchctlWords.kickstart(target) : launchctlWords.restart(target));
  return started(jobs, name, printed?.runs);
}

function installedTarget(jobs: Jobs, name: string): Target {
  refuseWithoutLaunchd();
  const target = targetIn(jobs, name);
  if (fs.existsSync(target.path)) return target;
  throw new UsageError(`${serviceTarget(target)} is not installed: there is no ${target.path}`, {
    next: "ops/launchd/install_launchd.ts",
  });
}

const STARTED_WITHIN = 15_000;

/** Waits until launchd started it once more, and the launcher made way for the program; one that ended at once has no pid any more. */
async function started(jobs: Jobs, name: string, runsBefore = 0): Promise<StartResult> {
  const target = targetIn(jobs, name);
  let main: ProcessFacts | undefined;
  const isStarted = () => {
    const printed = printJob(target);
    main = observeProcessFacts(printed?.pid ?? -1);
    return main !== undefined || (printed?.runs ?? 0) > runsBefore;
  };
  if (!(await isTrueWithin(STARTED_WITHIN, isStarted)))
    throw new FailedError(`launchd has not started ${serviceTarget(target)} within ${STARTED_WITHIN / 1000} s`, {
      next: launchctlWords.print(target).join(" "),
    });
  // The launcher begins in the tree's root, as its property list says, and enters the release last.
  const root = realPath(jobs.place.deployTo);
  const { pid = 0, startTime = "" } = main ?? {};
  await isTrueWithin(STARTED_WITHIN, () => observeProcess(pid)?.cwd !== root);
  return { already: false, pid, startTime, warnings: [] };
}

async function isTrueWithin(milliseconds: number, claim: () => boolean): Promise<boolean> {
  for (const end = performance.now() + milliseconds; performance.now() < end; await sleep(50)) if (claim()) return true;
  return claim();
}

/** launchd ends the process group of a job; what left it, and bears the service's mark, is ended here. */
async function stop(jobs: Jobs, name: string, stopTimeout: number): Promise<StopResult> {
  const { pid, startTime, processes } = observe(jobs, name);
  const main = pid === undefined || startTime === undefined ? undefined : { pid, startTime };
  const target = targetIn(jobs, name);
  const since = performance.now();
  await runLaunchctl(target, unloadLine(target, stopTimeout / 1000 + MARGIN));
  const wasSlow = main !== undefined && performance.now() - since >= stopTimeout;
  const left = await endProcesses((known) => membersOf(jobs, name, main, known), stopTimeout);
  const pids = [...new Set([...processes, ...left.pids])];
  return { already: pids.length === 0, wasKilled: wasSlow || left.wasKilled, pids };
}
