import fs from "node:fs";
import { logPaths, type ServiceDefinition, type ServicePlace } from "./definition.ts";

const TAIL = 64 * 1024;

/** The last `count` lines that a service wrote to stderr, or, when there are none, to stdout; [] without a log. */
export function lastLogLines(definition: ServiceDefinition, place: ServicePlace, count: number): string[] {
  const { stdout, stderr } = logPaths(definition, place, place.currentPath);
  const lines = lastLines(stderr, count);
  return lines.length > 0 ? lines : lastLines(stdout, count);
}

function lastLines(file: string, count: number): string[] {
  let fd: number;
  try {
    fd = fs.openSync(file, "r");
  } catch {
    return [];
  }
  try {
    const { size } = fs.fstatSync(fd);
    const tail = Buffer.alloc(Math.min(size, TAIL));
    const read = fs.readSync(fd, tail, 0, tail.length, size - tail.length);
    const lines = tail.toString("utf8", 0, read).split("\n");
    // The first one may be cut when the file is longer than what was read.
    if (size > TAIL) lines.shift();
    if (lines.at(-1) === "") lines.pop();
    return count > 0 ? lines.slice(-count) : [];
  } finally {
    fs.closeSync(fd);
  }
}
