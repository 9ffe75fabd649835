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
