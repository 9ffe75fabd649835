import { createHash } from "node:crypto";
import fs from "node:fs";

const CHUNK = 4 * 1024 * 1024;

/** sha256 of a file of any size, in hex; never more than 4 MiB of it in memory. */
export function hashFile(file: string): string {
  const hash = createHash("sha256");
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
