import fs from "node:fs";
import { logPaths, type ServiceDefinition, type ServicePlace } from "./definition.ts";

/** The last `count` lines that a service wrote to stderr, or, when there are none, to stdout; [] without a log. */
export function lastLogLines(definition: ServiceDefinition, place: ServicePlace, count: number): string[] {
  const { stdout, stderr } = logPaths(definition, place, place.currentPath);
  const lines = lastLines(stderr, count);
  return lines.length > 0 ? lines : lastLines(stdout, count);
}

const BLOCK = 64 * 1024;

/** The last `count` lines of a file of any length, read from its end, or from `size` bytes on; [] where there is none. */
export function lastLines(file: string, count: number, size = sizeOf(file)): string[] {
  if (count === 0 || size === 0 || !fs.existsSync(file)) return [];
  const fd = fs.openSync(file, "r");
  try {
    let at = size;
    let tail = Buffer.alloc(0);
    // One more than asked for: the first one may be cut, and the last one ends with a newline.
    for (; at > 0 && newlines(tail) <= count;) {
      const block = Buffer.alloc(Math.min(BLOCK, at));
      at -= block.length;
      tail = Buffer.concat([block.subarray(0, fs.readSync(fd, block, 0, block.length, at)), tail]);
    }
    const lines = tail.toString("utf8").split("\n");
    if (lines.at(-1) === "") lines.pop();
    return lines.slice(-count);
  } finally {
    fs.closeSync(fd);
  }
}

function newlines(text: Buffer): number {
  let found = 0;
  for (let at = text.indexOf(10); at !== -1; at = text.indexOf(10, at + 1)) found++;
  return found;
}

const sizeOf = (file: string): number => fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
