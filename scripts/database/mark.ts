import fs from "node:fs";
import path from "node:path";
import { syncDirectory, writeDurably } from "../core/durable.ts";
import type { Paths } from "../core/paths.ts";
import { backupPath } from "./backups.ts";

/** In a backup's directory, from the moment before its data is changed until that stands: who finds it has to bring the data back. */
const MARK = "MIGRATING";

const markPath = (paths: Paths, id: string) => path.join(backupPath(paths, id), MARK);

export const isMarked = (paths: Paths, id: string) => fs.existsSync(markPath(paths, id));

/** Durable before the data is changed. */
export const mark = (paths: Paths, id: string) => writeDurably(markPath(paths, id), "", 0o600);

/** The data stands as it is now. Nothing is thrown once the mark is gone: what follows would believe that it is still there. */
export function unmark(paths: Paths, id: string): void {
  fs.rmSync(markPath(paths, id), { force: true });
  try {
    syncDirectory(backupPath(paths, id));
  } catch {
    // Gone with the next sync of the file system.
  }
}

/** Backups that bear the mark. */
export const markedBackups = (paths: Paths): string[] =>
  fs.existsSync(paths.backups) ? fs.readdirSync(paths.backups).filter((id) => isMarked(paths, id)) : [];
