import fs from "node:fs";
import path from "node:path";

/** `file` with every link resolved; `file` itself, absolute, when it does not exist. */
export function realPath(file: string): string {
  try {
    return fs.realpathSync(file);
  } catch {
    return path.resolve(file);
  }
}
