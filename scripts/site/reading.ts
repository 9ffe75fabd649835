import fs from "node:fs";
import path from "node:path";

/** A file's text; undefined where there is none, or none that may be read. */
export function textOf(file: string): string | undefined {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (["ENOENT", "ENOTDIR", "EISDIR", "EACCES"].includes(code)) return undefined;
    throw error;
  }
}

/** Whether this process may write into a folder; one that is not there is its nearest parent's to make. */
export function isWritable(folder: string): boolean {
  if (!fs.existsSync(folder) && folder !== path.dirname(folder)) return isWritable(path.dirname(folder));
  try {
    fs.accessSync(folder, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
