import fs from "node:fs";

const { R_OK, W_OK, X_OK } = fs.constants;

/** Whether this process may do that with a file or folder: `mode` is one or more of `fs.constants` (access(2)). */
function isAllowed(place: string, mode: number): boolean {
  try {
    fs.accessSync(place, mode);
    return true;
  } catch {
    return false;
  }
}

export const isReadable = (file: string) => isAllowed(file, R_OK);
export const isExecutable = (file: string) => isAllowed(file, X_OK);

/** Whether paths may lead through a folder. */
export const canEnter = (folder: string) => isAllowed(folder, X_OK);

/** Whether files may be made in a folder. */
export const isOpen = (folder: string) => isAllowed(folder, W_OK | X_OK);
