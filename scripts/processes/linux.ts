import fs from "node:fs";
import { realPath } from "../core/real-path.ts";
import { link, names, pids, read } from "./proc.ts";
import { LISTENING, socketsOn } from "./tcp.ts";
import type { PathUser, Process, ProcessFacts, ProcessTable } from "./table.ts";

// USER_HZ: what the kernel shows in /proc/PID/stat on every architecture that the runtime supports.
const TICKS_PER_SECOND = 100;
// PF_KTHREAD among a process's flags. A session of 0 does not tell: in a pid namespace that is one led from outside.
const KERNEL_THREAD = 0x200000;
const DELETED = " (deleted)";
// Where `flags` and `startcode` stand among the fields from the third on.
const FLAGS = 6;
const START_CODE = 23;

// Milliseconds that an execve() may take before a process is believed to have no environment.
const EXEC_TRIES = 100;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

let bootId: string | undefined;

/** The fields of /proc/PID/stat from the third on; undefined when the process is gone. */
function statOf(pid: number): string[] | undefined {
  const stat = read(`/proc/${pid}/stat`)?.toString("latin1");
  // The name in parentheses may itself hold blanks and parentheses.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function facts(pid: number): ProcessFacts | undefined {
  const fields = statOf(pid);
  if (!fields) return undefined;
  const [state, ppid, pgid, sid] = fields;
  if (!state || "ZXx".includes(state)) return undefined;
  bootId ??= fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return { pid, ppid: Number(ppid), pgid: Number(pgid), sid: Number(sid), startTime: `${fields[19]} ${bootId}`, state };
}

const all = (): ProcessFacts[] => pids().flatMap((pid) => facts(pid) ?? []);

function observe(pid: number): Process | undefined {
  const known = facts(pid);
  if (!known) return undefined;
  const cwd = link(`/proc/${pid}/cwd`);
  const exe = link(`/proc/${pid}/exe`);
  return { ...known, ...(cwd !== undefined && { cwd }), ...(exe !== undefined && { exe }), command: command(pid) };
}

function command(pid: number): string {
  const words = read(`/proc/${pid}/cmdline`)?.toString("utf8").replaceAll("\0", " ").trim();
  return words || (read(`/proc/${pid}/comm`)?.toString("utf8").trim() ?? "");
}

function startedAt({ startTime }: ProcessFacts): Date {
  const uptime = Number.parseFloat(fs.readFileSync("/proc/uptime", "utf8"));
  return new Date(Date.now() - (uptime - Number.parseInt(startTime, 10) / TICKS_PER_SECOND) * 1000);
}

/** A process's environment as it stands in its memory; undefined when it is gone or belongs to another user. */
function environ(pid: number): Buffer | undefined {
  for (let tries = 0; ; tries++) {
    const bytes = read(`/proc/${pid}/environ`);
    if (bytes?.length !== 0 || tries === EXEC_TRIES || isBare(pid)) return bytes;
    Atomics.wait(PAUSE, 0, 0, 1);
  }
}

// In execve() a process has for a moment no environment; overlooked then, it would outlive a stop. The kernel fills in where the
// code starts after the environment (proc_pid_stat(5), field 26). One that had code before and after a look at its environment
// was not in execve(), unless this process was held up between: hence three times.
function isBare(pid: number): boolean {
  if (Number(statOf(pid)?.[FLAGS]) & KERNEL_THREAD) return true;
  const hasCode = () => statOf(pid)?.[START_CODE] !== "0";
  return [1, 2, 3].every(() => hasCode() && read(`/proc/${pid}/environ`)?.length === 0 && hasCode());
}

function environment(pid: number): Record<string, string> | undefined {
  const text = environ(pid)?.toString("utf8");
  if (text === undefined) return undefined;
  const entries = text.split("\0").filter((entry) => entry.indexOf("=") > 0);
  return Object.fromEntries(
    entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );
}

function marks(name: string, processes: readonly ProcessFacts[]): Map<number, string> {
  const found = new Map<number, string>();
  for (const { pid } of processes) {
    const bytes = environ(pid);
    const value = bytes && valueIn(bytes, `${name}=`);
    if (value !== undefined) found.set(pid, value);
  }
  return found;
}

// Searched as bytes: to decode the environment of every process costs ten times as much.
function valueIn(bytes: Buffer, prefix: string): string | undefined {
  for (let at = bytes.indexOf(prefix); at >= 0; at = bytes.indexOf(prefix, at + 1)) {
    if (at > 0 && bytes[at - 1] !== 0) continue;
    const end = bytes.indexOf(0, at);
    return bytes.toString("utf8", at + prefix.length, end < 0 ? bytes.length : end);
  }
  return undefined;
}

function listeners(port: number, candidates: readonly number[]): number[] {
  const left = new Set(socketsOn(port, LISTENING));
  const seen = new Set<number>();
  const found = new Set<number>();
  const look = (pid: number) => {
    if (seen.has(pid)) return;
    seen.add(pid);
    for (const socket of socketsOf(pid)) {
      if (!left.has(socket)) continue;
      found.add(pid);
      accounted.add(socket);
    }
  };
  const accounted = new Set<string>();
  candidates.forEach(look);
  if (accounted.size < left.size) pids().forEach(look);
  return [...found];
}

const socketsOf = (pid: number) => names(`/proc/${pid}/fd`).flatMap((fd) => link(`/proc/${pid}/fd/${fd}`) ?? []);

function usersOfPath(path: string, isSkipped: (pid: number) => boolean): PathUser[] {
  const root = realPath(path);
  const isBelow = (file: string | undefined) => {
    const name = file?.endsWith(DELETED) ? file.slice(0, -DELETED.length) : file;
    return name !== undefined && (name === root || name.startsWith(`${root}/`));
  };
  return pids()
    .filter((pid) => !isSkipped(pid))
    .flatMap((pid) =>
      usesOf(pid, root).flatMap(({ how, file }) => (isBelow(file) ? [{ pid, command: command(pid), how, file }] : [])),
    );
}

const as = (how: PathUser["how"], files: (string | undefined)[]) =>
  files.flatMap((file) => (file ? [{ how, file }] : []));

function usesOf(pid: number, root: string): { how: PathUser["how"]; file: string }[] {
  const exe = link(`/proc/${pid}/exe`);
  const cwd = link(`/proc/${pid}/cwd`);
  const open = names(`/proc/${pid}/fd`).flatMap((fd) => link(`/proc/${pid}/fd/${fd}`) ?? []);
  const maps = new Set(mapsOf(pid, root).filter((file) => file !== exe));
  return [...as("cwd", [cwd]), ...as("exe", [exe]), ...as("open file", open), ...as("map", [...maps])];
}

function mapsOf(pid: number, root: string): string[] {
  const bytes = read(`/proc/${pid}/maps`);
  // The path stands in the sixth field, to the end of the line.
  if (!bytes?.includes(root)) return [];
  return bytes
    .toString("utf8")
    .split("\n")
    .map((line) => line.replace(/^(?:\S+\s+){5}/, ""));
}

/** Processes through /proc (proc(5)): one read is about 10 µs, a look at every process a few milliseconds. */
export const linux: ProcessTable = {
  facts,
  all,
  process: observe,
  startedAt,
  environment,
  marks,
  listeners,
  usersOfPath,
};
