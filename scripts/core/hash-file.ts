import { createHash, type Hash } from "node:crypto";
import fs from "node:fs";

const CHUNK = 4 * 1024 * 1024;

/** sha256 of a file of any size, in hex; never more than 4 MiB of it in memory. */
export const hashFile = (file: string): string => digest(file, createHash("sha256"));

/** Whether a file is git's object of this id, byte for byte: sha1 (40 digits) or sha256 (64) over a header and the content. */
export function isObject(file: string, size: number, id: string): boolean {
  const hash = createHash(id.length === 40 ? "sha1" : "sha256").update(`blob ${size}\0`);
  return digest(file, hash) === id;
}

function digest(file: string, hash: Hash): string {
  if (fs.statSync(file).size <= CHUNK) return hash.update(fs.readFileSync(file)).digest("hex");
  const fd = fs.openSync(file, "r");
  const buffer = Buffer.alloc(CHUNK);
  for (let read = 1; read > 0;) {
    read = fs.readSync(fd, buffer, 0, CHUNK, null);
    hash.update(buffer.subarray(0, read));
  }
  fs.closeSync(fd);
  return hash.digest("hex");
}
