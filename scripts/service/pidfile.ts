import fs from "node:fs";
import path from "node:path";
import { UsageError } from "../core/errors.ts";

/** What a pid file says. */
export interface Pidfile {
  readonly pid: number;
  /** Start time as processes.ts gives it; undefined in a file that another tool wrote, with a pid only. */
  readonly startTime: string | undefined;
}

/** `run/<service>.pid`, absolute. @throws UsageError when the name would leave the directory */
export function pidfilePath(runPath: string, service: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.@-]*$/.test(service))
    throw new UsageError(`${JSON.stringify(service)} is not the name of a service`);
  return path.join(runPath, `${service}.pid`);
}

/** Reads a pid file; "missing" when there is none, "broken" when its first line is no pid. */
export function readPidfile(file: string): Pidfile | "missing" | "broken" {
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "missing";
    return "broken";
  }
  const [first = "", second = ""] = text.split("\n");
  const pid = /^\d{1,9}$/.test(first.trim()) ? Number(first) : 0;
  // 0 and 1 would be this process's own group, and init.
  return pid > 1 ? { pid, startTime: second.trim() || undefined } : "broken";
}

/** Writes the pid on the first line and the start time on the second, by one rename, readable for all. */
export function writePidfile(file: string, { pid, startTime }: { pid: number; startTime: string }): void {
  const draft = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const fd = fs.openSync(draft, "w", 0o644);
  try {
    fs.fchmodSync(fd, 0o644);
    fs.writeSync(fd, `${pid}\n${startTime}\n`);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(draft, file);
}

/** Removes a pid file, if it is there. */
export function removePidfile(file: string): void {
  fs.rmSync(file, { force: true });
}
