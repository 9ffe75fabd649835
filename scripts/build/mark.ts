import fs from "node:fs";
import path from "node:path";
import { BUILDING } from "../core/paths.ts";

/** What `.building` holds while a release is made. */
export interface BuildMark {
  id: string;
  sha: string;
  ref: string;
  dirty: boolean;
  /** Dependency sets by name: the key of each. */
  deps: Record<string, string>;
  /** Build steps by name: the key of what each was made from. */
  steps: Record<string, string>;
  /** The release whose unchanged files this one shares. */
  base?: string;
  /** Nothing of the build writes into the release but the source and what is taken from others: files may be shared at once. */
  isQuiet: boolean;
}

/** Reads the mark of a release that is being made. */
export const readMark = (directory: string): BuildMark =>
  JSON.parse(fs.readFileSync(path.join(directory, BUILDING), "utf8")) as BuildMark;
