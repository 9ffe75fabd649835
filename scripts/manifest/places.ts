import { statSync } from "node:fs";
import { join } from "node:path";
import { realPath } from "../core/real-path.ts";

export interface FindOptions {
  /** What `--manifest` names. */
  flag?: string | undefined;
  /** What `--env` names. */
  environment?: string | undefined;
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** The command's file as it was typed, links unresolved. */
  launcherPath?: string | undefined;
}

/** Whether a directory holds releases. */
export const isTree = (path: string): boolean =>
  statSync(join(path, "releases"), { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Whether two paths are one place. */
export const isSame = (a: string, b: string): boolean => realPath(a) === realPath(b);
