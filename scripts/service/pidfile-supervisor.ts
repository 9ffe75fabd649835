import fs from "node:fs";
import path from "node:path";
import { FailedError, UsageError } from "../core/errors.ts";
import { startArguments } from "./arguments.ts";
import { logPaths, type ServiceDefinition, type ServicePlace, type ServiceRelease } from "./definition.ts";
import { endProcesses } from "../processes/end.ts";
import { SERVICE_MARK, serviceMark } from "./environment.ts";
import { launch } from "./launch.ts";
import { serviceMembers, type KnownProcess } from "../processes/members.ts";
import { pidfilePath, readPidfile, removePidfile, writePidfile } from "./pidfile.ts";
import {
  environmentOf,
  observeProcess,
  observeProcesses,
  observeProcessFacts,
  type ProcessFacts,
} from "../processes/processes.ts";
import { releaseOfDirectory, runningState } from "./running.ts";
import { lastLogLines } from "./service-log.ts";
import type { ServiceState, StartResult, StopResult, Supervisor } from "./supervisor.ts";

/** Runs the services of a tree in the background, each with a pid file `run/<service>.pid`; needs no service manager. */
export function pidfileSupervisor(place: ServicePlace): Supervisor {
  // An operation may itself be started by a service: what it starts must not look like a part of that service.
  delete process.env[SERVICE_MARK];
  return {
    observe: async (service) => observe(place, typeof service === "string" ? service : service.name),
    start: (definition, release) => start(place, definition, release),
    async restart(definition, release) {
      await stop(place, definition.name, definition.stop_timeout);
      return start(place, definition, release);
    },
    stop: (name, stopTimeout) => stop(place, name, stopTimeout),
    lastLogLines: (definition, count) => lastLogLines(definition, place, count),
  };
}

/** The release that `current` names, as `start` wants it. @throws UsageError when nothing is deployed yet */
export function currentRelease(place: ServicePlace): ServiceRelease {
  try {
    const release = fs.realpathSync(place.currentPath);
    return { id: path.basename(release), path: release };
  } catch (cause) {
    throw new UsageError(`${place.currentPath} names no release: nothing is deployed in ${place.deployTo}`, {
      next: "ops/release/deploy.ts HEAD",
      cause,
    });
  }
}

function observe(place: ServicePlace, name: string): ServiceState {
  const record = recorded(place, name);
  const { file, main, isForeign } = record;
  const members = membersOf(record);
  const [first] = members;
  const pidFile = isForeign ? "foreign" : pidFileState(file, main, first);
  if (!first)
    return { name, state: file === "missing" ? "stopped" : isForeign ? "running" : "stale", processes: [], pidFile };
  return { ...runningState(name, first, members, releaseIdOf(place, first.pid)), pidFile };
}

function pidFileState(
  file: ReturnType<typeof readPidfile>,
  main: KnownProcess | undefined,
  first: ProcessFacts | undefined,
) {
  if (file === "missing") return "missing";
  return main && first?.pid === main.pid && first.startTime === main.startTime ? "ok" : "stale";
}

interface Recorded {
  file: ReturnType<typeof readPidfile>;
  /** The process of the pid file, if it is proven to be one of this service. */
  main: KnownProcess | undefined;
  /** The marks that its processes bear. */
  own: string[];
  isForeign: boolean;
}

/** What the pid file says, and whether that holds: by the start time, and by the mark where it can be read. */
function recorded(place: ServicePlace, name: string): Recorded {
  const file = readPidfile(pidfilePath(place.runPath, name));
  const mark = serviceMark(place, name);
  const nothing = { file, main: undefined, own: [mark], isForeign: false };
  if (typeof file === "string") return nothing;
  const { pid, startTime } = file;
  const facts = observeProcessFacts(pid);
  const isGone = facts !== undefined && startTime !== undefined && facts.startTime !== startTime;
  if (isGone) return nothing;
  if (!canSignal(pid)) return { ...nothing, isForeign: true };
  const found = environmentOf(pid)?.[SERVICE_MARK];
  if (!facts || (found === undefined && startTime === undefined)) return nothing;
  if (found !== undefined && found !== mark && !isMovedFrom(found, name)) return nothing;
  return { file, main: facts, own: found === undefined ? [mark] : [mark, found], isForeign: false };
}

// A tree that was moved takes its pid files along. One that was copied does too, but there the other tree is still in its place
// and the process is its own.
function isMovedFrom(mark: string, name: string): boolean {
  return mark.endsWith(`#${name}`) && !fs.existsSync(mark.slice(0, -name.length - 1));
}

// ESRCH is a process that is gone, which is nobody's; EPERM is one of another user, even where /proc hides it.
function canSignal(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "EPERM";
  }
}

function membersOf({ main, own }: Recorded, known: readonly KnownProcess[] = []): ProcessFacts[] {
  return serviceMembers({ ...observeProcesses(SERVICE_MARK), own, main, known, self: process.pid });
}

function releaseIdOf(place: ServicePlace, pid: number): string | undefined {
  return releaseOfDirectory(place, observeProcess(pid)?.cwd) ?? environmentOf(pid)?.["RELEASE_ID"];
}

async function start(
  place: ServicePlace,
  definition: ServiceDefinition,
  release: ServiceRelease,
): Promise<StartResult> {
  const { name } = definition;
  const pidfile = pidfilePath(place.runPath, name);
  const state = observe(place, name);
  if (state.pidFile === "foreign") throw foreign(place, name);
  if (state.pid !== undefined && state.startTime !== undefined) {
    const { pid, startTime } = state;
    if (state.pidFile !== "ok") writePidfile(pidfile, { pid, startTime });
    return { already: true, pid, startTime, warnings: [] };
  }
  const where = `services.${name}`;
  const cwd = workingDirectory(definition, release, where);
  const { words, environment, warnings } = startArguments(definition, place, release);
  fs.mkdirSync(place.runPath, { recursive: true });
  const pid = await launch({ where, words, cwd, environment, ...logPaths(definition, place, release.path) });
  // One that ended at once has no start time any more; a pid alone proves nothing later.
  const startTime = observeProcessFacts(pid)?.startTime ?? "";
  writePidfile(pidfile, { pid, startTime });
  return { already: false, pid, startTime, warnings };
}

function workingDirectory({ dir }: ServiceDefinition, release: ServiceRelease, where: string): string {
  const wanted = path.join(release.path, dir);
  try {
    const found = fs.realpathSync(wanted);
    if (fs.statSync(found).isDirectory()) return found;
  } catch {
    // Told below.
  }
  throw new UsageError(`${where}: its directory ${wanted} does not exist: it is not built in release ${release.id}`, {
    next: "ops/release/deploy.ts HEAD",
  });
}

async function stop(place: ServicePlace, name: string, stopTimeout: number): Promise<StopResult> {
  const record = recorded(place, name);
  if (record.isForeign) throw foreign(place, name);
  const { pids, wasKilled } = await endProcesses((known) => membersOf(record, known), stopTimeout);
  removePidfile(pidfilePath(place.runPath, name));
  return { already: pids.length === 0, wasKilled, pids };
}

function foreign(place: ServicePlace, name: string): FailedError {
  const file = pidfilePath(place.runPath, name);
  const { pid } = readPidfile(file) as { pid: number };
  const owner = fs.statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
  const user = owner === undefined ? "another user" : `user ${owner}`;
  return new FailedError(`service ${name} runs as pid ${pid} of ${user}, which this user cannot signal (${file})`, {
    next: `type the command again as ${owner === undefined ? "that user" : `sudo -u '#${owner}' …`}`,
  });
}
