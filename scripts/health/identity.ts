import { basename } from "node:path";
import { isInUnitOf } from "../processes/cgroup.ts";
import {
  environmentOf,
  listeners,
  observeProcess,
  observeProcessFacts,
  observeProcesses,
} from "../processes/processes.ts";

const RELEASE_ID = "RELEASE_ID";

/** The process that a supervisor says runs a service; `port` is the one that it must hold itself. */
export interface Proof {
  service: string;
  pid: number;
  startTime: string;
  port?: number | undefined;
  /** The release that its manager says it runs; believed where its processes belong to another user. */
  attestedId?: string | undefined;
  /** It runs in a container: what publishes its ports is no child of its process, and only its image proves the release. */
  isContained?: boolean | undefined;
}

/** `path` is the release's real path, without links in it. */
export interface Release {
  id: string;
  path: string;
}

/** Why a service is not proven to run the release; `isEarly` when it may only need more time. */
export interface Denial {
  reason: string;
  isEarly: boolean;
}

/** Whether the very process of the proof still runs; its session stands in for a leader that handed over and left. */
export function isAlive(proof: Proof): boolean {
  const found = observeProcessFacts(proof.pid);
  // A pid is not given out again while a session bears it.
  return found ? found.startTime === proof.startTime : sessionOf(proof).length > 0;
}

/** Judges promise 7 for one service: who listens on its port, where it works, which RELEASE_ID it was started with. */
export function denialOf(proof: Proof, release: Release): Denial | undefined {
  if (!proof.isContained && proof.attestedId === release.id && placesOf([proof.pid]).length === 0) return undefined;
  const byImage = proof.isContained ? denialOfImage(proof, release) : undefined;
  if (byImage) return byImage;
  const holders = proof.port === undefined ? [] : listeners(proof.port, [proof.pid]);
  const members = [...new Set([proof.pid, ...holders.filter((pid) => isMember(pid, proof))])];
  return denialOfPort(proof, holders) ?? denialOfPlace(proof, members, release) ?? denialOfId(proof, members, release);
}

function denialOfPort(proof: Proof, holders: number[]): Denial | undefined {
  if (proof.port === undefined) return undefined;
  const stranger = holders.find((pid) => !isMember(pid, proof) && !isManager(pid));
  if (stranger !== undefined) {
    return {
      isEarly: false,
      reason: `port ${proof.port} is answered by ${showProcess(stranger)}, which is not ${proof.service}`,
    };
  }
  if (holders.some((pid) => isMember(pid, proof))) return undefined;
  const who = holders.length > 0 ? "only the service manager holds" : "no process that can be seen here listens on";
  return { isEarly: true, reason: `${who} port ${proof.port}: ${proof.service} (pid ${proof.pid}) does not` };
}

function denialOfImage({ service, attestedId }: Proof, { id }: Release): Denial | undefined {
  if (attestedId === id) return undefined;
  const what = attestedId === undefined ? "an image that was not built here" : `the image of ${attestedId}`;
  return { isEarly: false, reason: `the container of ${service} runs ${what}, not that of ${id}` };
}

function denialOfPlace(proof: Proof, members: number[], release: Release): Denial | undefined {
  const places = placesOf(members);
  const isPlaced = (cwd: string) => isInside(cwd, release.path);
  if (places.some(isPlaced) || placesOf(sessionOf(proof)).some(isPlaced)) return undefined;
  const who = `${proof.service} (pid ${proof.pid})`;
  if (places.length > 0) return { isEarly: false, reason: `${who} works in ${places[0]}, not in ${release.path}` };
  return { isEarly: false, reason: `${who} belongs to another user: its working directory cannot be read` };
}

function denialOfId(proof: Proof, members: number[], release: Release): Denial | undefined {
  const ids = members.map((pid) => environmentOf(pid)?.[RELEASE_ID]);
  const other = ids.find((id) => id !== undefined && id !== release.id);
  if (other === undefined) return undefined;
  return {
    isEarly: false,
    reason: `${proof.service} (pid ${proof.pid}) was started with RELEASE_ID ${other}, not ${release.id}`,
  };
}

const placesOf = (pids: number[]) => pids.flatMap((pid) => observeProcess(pid)?.cwd ?? []);

const sessionOf = ({ pid }: Proof) =>
  observeProcesses(RELEASE_ID)
    .all.filter(({ sid, pgid }) => sid === pid || pgid === pid)
    .map((one) => one.pid);

function isInside(place: string, folder: string): boolean {
  return (place === folder || place.startsWith(`${folder}/`)) && !place.endsWith(" (deleted)");
}

/** The service's process, one of its session or group, or a child at any depth. */
function isMember(pid: number, proof: Proof): boolean {
  if (proof.isContained && isInUnitOf(pid, proof.pid)) return true;
  for (let at = pid; at > 1;) {
    const found = observeProcessFacts(at);
    if (at === proof.pid || found?.sid === proof.pid || found?.pgid === proof.pid) return true;
    at = found?.ppid ?? 0;
  }
  return false;
}

/** A service manager holds a service's socket across its restarts, and passes it on. */
function isManager(pid: number): boolean {
  return pid === 1 || ["systemd", "launchd"].includes(basename(observeProcess(pid)?.command.split(" ")[0] ?? ""));
}

function showProcess(pid: number): string {
  const found = observeProcess(pid);
  if (!found) return `pid ${pid}`;
  const command = found.command.length > 60 ? `${found.command.slice(0, 59)}…` : found.command;
  return `pid ${pid} (${command}${found.cwd === undefined ? "" : `, in ${found.cwd}`})`;
}
