import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { FailedError } from "../core/errors.ts";
import { usersOfPath } from "../processes/processes.ts";

/** Where the demo plays: all of it in one new directory. */
export interface Stage {
  /** Holds the other two; absolute. */
  rootPath: string;
  /** The application's git repository, with its `deploy.yaml`. */
  appPath: string;
  /** `deploy_to`. */
  treePath: string;
  port: number;
}

const PREFIX = "switchback-demo-";
const TEMPLATE = path.resolve(import.meta.dirname, "../../templates/demo/app");

/** Makes a directory with the application's repository in it; this process stands in it, so that no other demo removes it. */
export async function makeStage(): Promise<Stage> {
  const rootPath = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), PREFIX)));
  process.chdir(rootPath);
  const stage = {
    rootPath,
    appPath: path.join(rootPath, "app"),
    treePath: path.join(rootPath, "tree"),
    port: await freePort(),
  };
  fs.mkdirSync(stage.appPath);
  for (const name of fs.readdirSync(TEMPLATE)) write(stage, name, fs.readFileSync(path.join(TEMPLATE, name), "utf8"));
  change(stage, "deploy.yaml", "port: 8080", `port: ${stage.port}`);
  git(stage, "init", "--quiet", "--initial-branch=main");
  return stage;
}

/** Removes what earlier demos of this user left, where no process works in it any more. Answers with what it removed. */
export function removeOldStages(): string[] {
  const tmp = fs.realpathSync(os.tmpdir());
  const names = fs.readdirSync(tmp).filter((name) => name.startsWith(PREFIX));
  const old = names
    .map((name) => path.join(tmp, name))
    .filter((place) => isOwn(place) && usersOfPath(place).length === 0);
  for (const place of old) {
    makeRemovable(place);
    fs.rmSync(place, { recursive: true, force: true });
  }
  return old;
}

/** Lets `rm -rf` work: the tree's copy of a suite that is read-only has directories that are read-only as well. */
export function makeRemovable(place: string): void {
  spawnSync("chmod", ["-R", "u+w", place]);
}

function isOwn(place: string): boolean {
  const found = fs.lstatSync(place, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === process.getuid?.();
}

/** Replaces text in one of the application's files. */
export function change(stage: Stage, name: string, from: string, to: string): void {
  const text = fs.readFileSync(path.join(stage.appPath, name), "utf8");
  if (!text.includes(from)) throw new FailedError(`${name} has no ${JSON.stringify(from)} to replace`);
  write(stage, name, text.replace(from, to));
}

function write(stage: Stage, name: string, text: string): void {
  fs.writeFileSync(path.join(stage.appPath, name), text);
}

/** Commits all that changed, under a tag. */
export function commit(stage: Stage, tag: string, message: string): void {
  git(stage, "add", "--all");
  git(stage, "commit", "--quiet", "--message", message);
  git(stage, "tag", tag);
}

// The user's own configuration could sign the commit, or run hooks.
const GIT_ENV = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };

function git({ appPath }: Stage, ...words: string[]): void {
  const identity = ["-c", "user.name=demo", "-c", "user.email=demo@localhost"];
  const env = { ...process.env, ...GIT_ENV };
  const { status, stderr, error } = spawnSync("git", ["-C", appPath, ...identity, ...words], { encoding: "utf8", env });
  if (status !== 0)
    throw new FailedError(`git ${words.join(" ")} failed: ${error?.message ?? stderr.trim()}`, { next: "install git" });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
