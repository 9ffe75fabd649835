import { spawnSync } from "node:child_process";
import { FailedError } from "../core/errors.ts";

/** Runs git in a repository, without a prompt. */
export function git(repo: string, ...words: string[]) {
  const env = { ...process.env, GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" };
  const { status, stdout, stderr, error } = spawnSync("git", ["-C", repo, ...words], {
    env,
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  });
  if (error) throw new FailedError(`git cannot be run: ${error.message}`, { next: "install git" });
  return { status, stdout, stderr };
}
