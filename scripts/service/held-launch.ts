import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { HELD_BACK } from "../database/hold.ts";
import { writeOut } from "../terminal/output.ts";
import { allProcesses, observeProcess } from "../processes/processes.ts";

const EVERY = 50;

/** Waits while a file is there, without a limit, and says so once; a signal ends the process as it would any other. */
export async function untilGone(file: string): Promise<void> {
  if (fs.existsSync(file)) writeOut(2, `${HELD_BACK}\n`);
  while (fs.existsSync(file)) await sleep(EVERY);
}

/** Whether a process is a launcher that has started nothing yet: where it is not replaced by its program, that is its child. */
export function isLaunching(pid: number): boolean {
  const { command = "" } = observeProcess(pid) ?? {};
  return /\/service\/launch\.ts .*--hold /.test(command) && !allProcesses().some(({ ppid }) => ppid === pid);
}
