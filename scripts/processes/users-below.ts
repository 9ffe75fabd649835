import fs from "node:fs";
import { usersOfPath } from "./processes.ts";

/** Which entries of a directory a process works in, runs, maps or has open something of: name → who. One look at all processes. */
export function usersBelow(directory: string): Map<string, string> {
  const used = new Map<string, string>();
  const root = fs.realpathSync(directory);
  for (const { pid, command, file } of usersOfPath(root)) {
    const name = file.slice(root.length + 1).split(/[/ ]/)[0];
    if (name) used.set(name, `pid ${pid} (${command.slice(0, 60)})`);
  }
  return used;
}
