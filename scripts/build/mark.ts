import fs from "node:fs";
import path from "node:path";
import { FailedError } from "../core/errors.ts";
import { BUILDING } from "../core/paths.ts";
import type { Upload } from "./uploaded.ts";

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
  /** It was sent from another machine. */
  upload?: Pick<Upload, "builtBy" | "made">;
}

/** Reads the mark of a release that is being made. @throws FailedError where the source has put a file of its own there */
export function readMark(directory: string): BuildMark {
  const mark = parsed(fs.readFileSync(path.join(directory, BUILDING), "utf8"));
  if (mark?.id === path.basename(directory)) return mark;
  throw new FailedError(`the source has a file ${BUILDING}: a release has that name for itself`, {
    next: "give it another name",
  });
}

function parsed(text: string): BuildMark | undefined {
  try {
    return JSON.parse(text) as BuildMark;
  } catch {
    return undefined;
  }
}
