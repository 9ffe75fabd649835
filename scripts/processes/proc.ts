import fs from "node:fs";

let buffer = Buffer.allocUnsafe(32 * 1024);

/** A whole file of /proc, whose size is not known before; undefined when it is gone or belongs to another user. */
export function read(file: string): Buffer | undefined {
  let fd: number;
  try {
    fd = fs.openSync(file, "r");
  } catch {
    return undefined;
  }
  try {
    let length = 0;
    for (let count = 1; count > 0; length += count) {
      if (length === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
      count = fs.readSync(fd, buffer, length, buffer.length - length, null);
    }
    return buffer.subarray(0, length);
  } catch {
    return undefined;
  } finally {
    fs.closeSync(fd);
  }
}

/** Where a link of /proc leads; undefined when it is gone or belongs to another user. */
export function link(file: string): string | undefined {
  try {
    return fs.readlinkSync(file);
  } catch {
    return undefined;
  }
}

/** The entries of a directory of /proc; none when it is gone or belongs to another user. */
export function names(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

/** The pids of all processes. */
export const pids = () =>
  names("/proc")
    .filter((name) => name >= "0" && name < ":")
    .map(Number);
