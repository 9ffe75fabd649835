import fs from "node:fs";
import path from "node:path";
import type { Paths } from "../core/paths.ts";

/** The most of a log that one answer holds, in bytes. */
export const PART_BYTES = 256 * 1024;

/** An operation's id as it may name a log: no way out of `logs`. */
const OPERATION_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Size of an operation's log in bytes; 0 where there is none. */
export const logSize = (paths: Paths, id: string): number =>
  fs.statSync(logPath(paths, id), { throwIfNoEntry: false })?.size ?? 0;

export const logPath = (paths: Paths, id: string) => path.join(paths.logs, `${id}.log`);

/**
 * What an operation's log holds from a byte on (negative: from so many before its end), whole characters only. Undefined where there is
 * no such log, or where something else than a file stands in its place.
 */
export function readLog(
  paths: Paths,
  id: string,
  from: number,
): { text: string; next: number; size: number } | undefined {
  if (!OPERATION_ID.test(id)) return undefined;
  const fd = opened(logPath(paths, id));
  if (fd === undefined) return undefined;
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isFile()) return undefined;
    return readPart(fd, from < 0 ? Math.max(0, stat.size + from) : from, stat.size);
  } finally {
    fs.closeSync(fd);
  }
}

const NO_FILE = new Set(["ENOENT", "ELOOP", "ENXIO", "EISDIR"]);

/** Follows no link, and waits for no pipe. */
function opened(file: string): number | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  try {
    return fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (NO_FILE.has((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

function readPart(fd: number, from: number, size: number) {
  const buffer = Buffer.alloc(Math.max(0, Math.min(PART_BYTES, size - from)));
  const length = buffer.length === 0 ? 0 : fs.readSync(fd, buffer, 0, buffer.length, from);
  const bytes = wholeCharacters(buffer.subarray(0, length));
  // A byte in the midst of a character was asked for: that one is the part's before.
  const text = bytes.subarray(from === 0 ? 0 : Math.max(0, bytes.subarray(0, 3).findIndex(isBeginning)));
  return { text: text.toString("utf8"), next: from + bytes.length, size };
}

const isBeginning = (byte: number) => (byte & 0xc0) !== 0x80;

/** Without the beginning of a character whose rest is in the next part. What is no UTF-8 at all stays, and is shown as replaced. */
function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, bytes.length - 1); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (!isBeginning(byte)) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return wanted > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}
