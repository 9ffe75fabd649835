import { linux } from "./processes-linux.ts";
import { macos } from "./processes-macos.ts";

/** What one look at a living process tells. */
export interface ProcessFacts {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  /** Equal for the same process only: a pid is given out again, a pid with its start time is not. Opaque, one line. */
  readonly startTime: string;
  /** The letter that `ps` shows: R, S, D, T … */
  readonly state: string;
}

/** A living process with what it runs; `cwd` and `exe` are absent when they belong to another user. */
export interface Process extends ProcessFacts {
  readonly cwd?: string;
  readonly exe?: string;
  /** Its arguments joined by blanks. */
  readonly command: string;
}

/** How a process uses something below a directory. */
export interface PathUser {
  readonly pid: number;
  readonly command: string;
  readonly how: "cwd" | "exe" | "open file" | "map";
  /** The file or directory that it uses, absolute and real. */
  readonly file: string;
}

/** How one operating system shows its processes. */
export interface ProcessTable {
  facts(pid: number): ProcessFacts | undefined;
  all(): ProcessFacts[];
  process(pid: number): Process | undefined;
  startedAt(facts: ProcessFacts): Date;
  environment(pid: number): Record<string, string> | undefined;
  /** Pids of those whose environment has `name`, with its value. */
  marks(name: string, processes: readonly ProcessFacts[]): Map<number, string>;
  listeners(port: number, candidates: readonly number[]): number[];
  usersOfPath(path: string, isSkipped: (pid: number) => boolean): PathUser[];
}

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
