import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { ManifestError } from "./problems.ts";

const MAX_BYTES = 1_000_000;

const REASONS: Record<string, string> = {
  ENOENT: "there is no such file",
  EACCES: "it may not be read by this user",
  ENOTDIR: "a part of its path is not a directory",
  ELOOP: "its links lead in a circle",
};

/** Text of a manifest without a byte order mark; refuses what is not a regular UTF-8 file of at most 1 MB. */
export function readManifest(filePath: string, file: string): string {
  const refuse = (message: string, line = 1, text = ""): never => {
    throw new ManifestError(file, text, [{ line, column: 1, length: 1, message }]);
  };
  const bytes = readBytes(filePath, refuse);
  const text = decode(bytes);
  return text ?? refuse("this line is not UTF-8: save the file as UTF-8", firstBadLine(bytes));
}

function readBytes(filePath: string, refuse: (message: string) => never): Buffer {
  let fd: number | undefined;
  try {
    // A pipe in place of the file must not make the open wait.
    fd = openSync(filePath, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (stat.isDirectory()) refuse("this is a directory; wanted the manifest file in it");
    if (!stat.isFile()) refuse("this is not a regular file");
    if (stat.size > MAX_BYTES) refuse("the file is larger than 1 MB: this is no manifest");
    return readFileSync(fd);
  } catch (error) {
    if (error instanceof ManifestError) throw error;
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    return refuse(`the manifest cannot be read: ${REASONS[code] ?? code}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function firstBadLine(bytes: Buffer): number {
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(10, start);
    const stop = end === -1 ? bytes.length : end;
    if (decode(bytes.subarray(start, stop)) === undefined) return line;
    start = stop + 1;
  }
  return 1;
}
