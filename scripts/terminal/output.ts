import fs from "node:fs";
import { createRequire } from "node:module";

/**
 * Writes to a descriptor now and completely. A reader that went away (a closed terminal, a pipe into `head`) is
 * no reason for a deployment to stop: what it was told is in the log.
 */
export function writeOut(fd: 1 | 2, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(fd, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/**
 * Whether a descriptor is a terminal. process.stdout would make a pipe non-blocking, for a program that takes this one's place as well;
 * node:tty costs a tenth of a command's start, and is asked where the descriptor can be one at all.
 */
export function hasTerminal(fd: 1 | 2): boolean {
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isCharacterDevice() || stat.rdev === fs.statSync("/dev/null").rdev) return false;
  } catch {
    return false;
  }
  return (createRequire(import.meta.url)("node:tty") as typeof import("node:tty")).isatty(fd);
}
