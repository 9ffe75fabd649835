import type { ProcessFacts } from "./processes.ts";

/** A process that was known before; it is the same one only while its start time is. */
export interface KnownProcess {
  readonly pid: number;
  readonly startTime: string;
}

export interface MemberSearch {
  readonly all: readonly ProcessFacts[];
  /** Value of the mark in each environment that has one. */
  readonly marks: ReadonlyMap<number, string>;
  /** The marks that count: the service's own, and that of the place where a moved tree was before. */
  readonly own: readonly string[];
  /** The process of the pid file: leader of the service's session. */
  readonly main?: KnownProcess | undefined;
  /** Processes that were found to be members before. */
  readonly known?: readonly KnownProcess[];
  /** This process: it may itself run inside of a service that stops itself by an operation, and must survive that. */
  readonly self: number;
}

/**
 * The processes of a service: the main one, those in its session (a program that rewrites its title destroys its environment),
 * those that bear its mark (after a double fork with a session of its own), and their descendants. Oldest main first.
 */
export function serviceMembers(search: MemberSearch): ProcessFacts[] {
  const { all, marks, own, self } = search;
  const byPid = new Map(all.map((one) => [one.pid, one]));
  const isAlive = (one: KnownProcess) => byPid.get(one.pid)?.startTime === one.startTime;
  const known = [...(search.main ? [search.main] : []), ...(search.known ?? [])].filter(isAlive);
  const seeds = new Set(known.map(({ pid }) => pid));
  const session = sessionOf(search.main, known, byPid);
  const isMarked = (pid: number) => own.includes(marks.get(pid) ?? "");
  const isExcluded = (one: ProcessFacts) =>
    one.pid === 1 || (marks.has(one.pid) && !isMarked(one.pid)) || isPartOf(one, self, byPid);
  const members = new Map<number, ProcessFacts>();
  const add = (one: ProcessFacts) => void members.set(one.pid, one);
  const candidates = all.filter((one) => !isExcluded(one));
  candidates.filter((one) => seeds.has(one.pid) || isMarked(one.pid) || one.sid === session).forEach(add);
  for (let before = -1; before !== members.size;) {
    before = members.size;
    candidates.filter((one) => members.has(one.ppid)).forEach(add);
  }
  return [...members.values()].sort(
    (a, b) => rank(a, search.main, members) - rank(b, search.main, members) || age(a) - age(b) || a.pid - b.pid,
  );
}

// The number of a session is not given out again while one process is left in it: only then does it prove anything.
function sessionOf(
  main: KnownProcess | undefined,
  alive: readonly KnownProcess[],
  byPid: Map<number, ProcessFacts>,
): number | undefined {
  return main && alive.some((one) => byPid.get(one.pid)?.sid === main.pid) ? main.pid : undefined;
}

// This process and what works for it in its session; a service that it started has a session of its own.
function isPartOf(one: ProcessFacts, self: number, byPid: Map<number, ProcessFacts>): boolean {
  if (one.sid !== byPid.get(self)?.sid) return false;
  for (let at: ProcessFacts | undefined = one; at && at.pid > 1; at = byPid.get(at.ppid))
    if (at.pid === self) return true;
  return false;
}

function rank(one: ProcessFacts, main: KnownProcess | undefined, members: Map<number, ProcessFacts>): number {
  if (one.pid === main?.pid) return 0;
  return members.has(one.ppid) ? 2 : 1;
}

// Start times are opaque elsewhere; here they only break ties, and one that is not a number breaks none.
const age = ({ startTime }: ProcessFacts) => Number.parseInt(startTime, 10) || 0;
