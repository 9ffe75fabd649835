import { linux } from "./linux.ts";
import { macos } from "./macos.ts";
import type { PathUser, Process, ProcessFacts, ProcessTable } from "./table.ts";

export type { PathUser, Process, ProcessFacts } from "./table.ts";

const table: ProcessTable = process.platform === "linux" ? linux : macos;

/** One process in full; undefined when there is none, or only a zombie that its parent has not collected yet. */
export const observeProcess = (pid: number): Process | undefined => table.process(pid);

/** One process by a single read; undefined when there is none, or only a zombie. */
export const observeProcessFacts = (pid: number): ProcessFacts | undefined => table.facts(pid);

/** When a process was started, to about 10 ms (macOS: 1 s). */
export const startedAt = (facts: ProcessFacts): Date => table.startedAt(facts);

/** True while the process that had this pid and this start time lives. */
export const isSameProcess = (pid: number, startTime: string): boolean => table.facts(pid)?.startTime === startTime;

/** A process's environment as it was at its start; undefined when it is gone or belongs to another user. */
export const environmentOf = (pid: number): Record<string, string> | undefined => table.environment(pid);

/** Every living process. */
export const allProcesses = (): ProcessFacts[] => table.all();

/** Every living process, and the value of `mark` in the environment of those that have it. */
export function observeProcesses(mark: string): { all: ProcessFacts[]; marks: Map<number, string> } {
  const all = table.all();
  return { all, marks: table.marks(mark, all) };
}

/**
 * Pids that listen on a TCP port, on any address. `candidates` are looked at first, and alone when they account for every listener.
 * Listeners of other users are found by root only.
 */
export const listeners = (port: number, candidates: readonly number[] = []): number[] =>
  table.listeners(port, candidates);

/** Which processes use `path` or something below it, one entry for each file and way; `except` are left out (default: this process). */
export function usersOfPath(path: string, except: Iterable<number> = [process.pid]): PathUser[] {
  const skipped = new Set(except);
  return table.usersOfPath(path, (pid) => skipped.has(pid));
}
