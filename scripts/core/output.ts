import fs from "node:fs";

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
