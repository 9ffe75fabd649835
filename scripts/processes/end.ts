import { setTimeout as sleep } from "node:timers/promises";
import { FailedError } from "../core/errors.ts";
import type { KnownProcess } from "./members.ts";
import { isSameProcess, observeProcess, type ProcessFacts } from "./processes.ts";

const POLL = process.platform === "linux" ? 5 : 100;
const RESCAN = 250;
// KILL cannot be ignored; what is still there then hangs in the kernel, on a dead disk or network file system.
const KILL_TIMEOUT = 5_000;

/**
 * Ends processes: TERM to each, and to what they start meanwhile, then KILL after `timeout` milliseconds.
 * @param observe what is left; it is given the processes known so far
 * @returns the processes that were told, and whether KILL was needed
 * @throws FailedError when some remain: they belong to another user, or hang in the kernel
 */
export async function endProcesses(
  observe: (known: readonly KnownProcess[]) => ProcessFacts[],
  timeout: number,
): Promise<{ pids: number[]; wasKilled: boolean }> {
  const told = new Map<number, KnownProcess>();
  const known = () => [...told.values()];
  const remaining = async (signals: NodeJS.Signals[], milliseconds: number) => {
    const signalled = new Set<string>();
    const until = performance.now() + milliseconds;
    for (;;) {
      const left = observe(known());
      for (const one of left) {
        told.set(one.pid, one);
        const isNew = !signalled.has(`${one.pid} ${one.startTime}`);
        signalled.add(`${one.pid} ${one.startTime}`);
        if (isNew) signals.forEach((signal) => send(one, signal));
      }
      if (left.length === 0 || performance.now() >= until) return left;
      await untilGone(left, Math.min(until, performance.now() + RESCAN));
    }
  };
  // A stopped process acts on TERM only when it is continued.
  if ((await remaining(["SIGTERM", "SIGCONT"], timeout)).length === 0)
    return { pids: [...told.keys()], wasKilled: false };
  const left = await remaining(["SIGKILL"], KILL_TIMEOUT);
  if (left.length > 0) throw stillThere(left);
  return { pids: [...told.keys()], wasKilled: true };
}

// One signal a process, not one for the group: this process itself may be in the group.
function send({ pid, startTime }: KnownProcess, signal: NodeJS.Signals): void {
  if (!isSameProcess(pid, startTime)) return;
  try {
    process.kill(pid, signal);
  } catch {
    // Gone meanwhile, or another user's: the next look tells which.
  }
}

async function untilGone(processes: readonly KnownProcess[], until: number): Promise<void> {
  const isLeft = () => processes.some(({ pid, startTime }) => isSameProcess(pid, startTime));
  while (isLeft() && performance.now() < until) await sleep(POLL);
}

function stillThere(left: readonly ProcessFacts[]): FailedError {
  const list = left.map(({ pid, state }) => `${pid} (${observeProcess(pid)?.command ?? "?"}, state ${state})`);
  return new FailedError(`cannot end ${list.join(", ")}: of another user, or hanging in the kernel`, {
    next: `sudo kill -KILL ${left.map(({ pid }) => pid).join(" ")}`,
  });
}
