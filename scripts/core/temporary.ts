import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** Works in a folder of its own, absolute, which is gone afterwards; `name` says whose it is. */
export function inTemporaryFolder<Result>(name: string, work: (folder: string) => Result): Result {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `${name}-`));
  try {
    return work(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
