import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

export const root = path.resolve(import.meta.dirname, "../..");
export const ops = (name: string) => path.join(root, "ops", `${name}.ts`);

/** Where all of a bench happens: one new directory, which is removed at its end. */
export interface Place {
  path: string;
  /** The application's repository; what is measured is built from its commits. */
  repo: string;
  env: NodeJS.ProcessEnv;
  /** Nothing is waited for: the numbers are not looked at. */
  isHurried: boolean;
}

/** One program that is run and waited for. */
export interface Command {
  program: string;
  words: string[];
  cwd?: string;
  env?: Record<string, string>;
}

/** A program of the bench did not run as it should. */
export class BrokenError extends Error {}

/** Makes the directory, with a home and the tools that a frontend's build calls. */
export function makePlace(isHurried: boolean): Place {
  const place = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-bench-")));
  const bin = path.join(place, "bin");
  for (const name of ["bin", "home", "tmp"]) fs.mkdirSync(path.join(place, name));
  const platform = `bun-${process.platform}-${process.arch === "arm64" ? "aarch64" : "x64"}`;
  fs.symlinkSync(path.join(root, "node_modules/@oven", platform, "bin/bun"), path.join(bin, "bun"));
  fs.symlinkSync(path.join(root, "node_modules/.bin/tsc"), path.join(bin, "tsc"));
  return { path: place, repo: path.join(place, "repo"), env: ownEnvironment(place, bin), isHurried };
}

// A caller's DEPLOY_ROOT would lead the commands to another tree, and npm's own variables npm to another cache.
function ownEnvironment(place: string, bin: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(DEPLOY_|SWITCHBACK_|REPO_ROOT$|npm_|GIT_|SSH_)/i.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    PATH: `${bin}:${process.env["PATH"] ?? ""}`,
    HOME: path.join(place, "home"),
    LC_ALL: "C.UTF-8",
    CI: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
    npm_config_cache: path.join(place, "npm"),
    npm_config_offline: "true",
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_update_notifier: "false",
    npm_config_userconfig: "/dev/null",
  };
}

export function removePlace(place: Place): void {
  spawnSync("chmod", ["-R", "u+w", place.path]);
  fs.rmSync(place.path, { recursive: true, force: true });
}

/** Runs a command to its end. @throws BrokenError with its last lines when it exits otherwise than 0. */
export function run(place: Place, { program, words, cwd = place.path, env = {} }: Command): string {
  const options = { cwd, env: { ...place.env, ...env }, encoding: "utf8", maxBuffer: 2 ** 28 } as const;
  const { status, error, stdout, stderr } = spawnSync(program, words, {
    ...options,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (status === 0) return stdout;
  const last = `${stdout ?? ""}${stderr ?? ""}`.trimEnd().split("\n").slice(-15).join("\n");
  throw new BrokenError(
    `${[path.basename(program), ...words].join(" ")}: ${error?.message ?? `exit ${status}`}\n${last}`,
  );
}

/** Lets a signal that came during a command be heard before the next one. */
export const hearSignals = () => new Promise<void>((resolve) => void setImmediate(resolve));

export const bash = (script: string, cwd?: string): Command => ({
  program: "bash",
  words: ["-euo", "pipefail", "-c", script],
  ...(cwd === undefined ? {} : { cwd }),
});

export const git = (place: Place, ...words: string[]): string =>
  run(place, {
    program: "git",
    words: ["-C", place.repo, "-c", "user.name=bench", "-c", "user.email=bench@localhost", ...words],
  }).trim();

/** Commits all that changed; answers with the commit. */
export function commit(place: Place, message: string): string {
  git(place, "add", "--all");
  git(place, "commit", "--quiet", "--message", message);
  return git(place, "rev-parse", "HEAD");
}

/** Whether a program can be started at all. */
export const has = (program: string) => spawnSync("sh", ["-c", 'command -v "$1"', "sh", program]).status === 0;
