import { spawnSync } from "node:child_process";

/** What git knows of an application's folder. */
export interface CheckoutFacts {
  isGit: boolean;
  /** The branch that is checked out. */
  branch?: string;
  /** There is a place to fetch from. */
  hasRemote: boolean;
}

/** What a git command prints in a folder; nothing where it fails. */
export function git(folder: string, ...words: string[]): string {
  const { stdout } = spawnSync("git", ["-C", folder, ...words], { encoding: "utf8" });
  return stdout ?? "";
}

/** Looks at a folder as git's. */
export function observeCheckout(folder: string): CheckoutFacts {
  const isGit = git(folder, "rev-parse", "--is-inside-work-tree").trim() === "true";
  if (!isGit) return { isGit, hasRemote: false };
  const branch = git(folder, "symbolic-ref", "--quiet", "--short", "HEAD").trim();
  return { isGit, hasRemote: git(folder, "remote").trim() !== "", ...(branch ? { branch } : {}) };
}
