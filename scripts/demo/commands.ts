import { spawn, type SpawnOptions } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { FailedError, InterruptedError } from "../core/errors.ts";
import { reporter } from "../terminal/reporter.ts";
import type { Stage } from "./stage.ts";

export const opsPath = path.resolve(import.meta.dirname, "../../ops");

/** Aborted when the demo is told to stop. */
const stopping = new AbortController();

/** From here on INT, TERM and HUP stop the demo between two commands, and the command that runs undoes what it began. */
export function holdSignals(): void {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stopping.abort());
}

/** Runs one of the suite's commands in the application's folder, with its live output. */
export async function run(stage: Stage, expected: number, name: string, ...words: string[]): Promise<void> {
  refuseStopped();
  reporter().say(reporter().paint("bold", `$ ${["ops", name].join("/")}.ts ${words.join(" ")}`.trimEnd()));
  const code = await exitCode(stage, name, words, stopping.signal);
  refuseStopped();
  if (code !== expected)
    throw new FailedError(`ops/${name}.ts ended with exit code ${code}, and ${expected} was expected`);
}

/** Stops the services, whatever happened; a second Ctrl-C does not cut that short. */
export async function stopServices(stage: Stage): Promise<void> {
  if (!fs.existsSync(path.join(stage.treePath, "current"))) return;
  const code = await exitCode(stage, "service/stop", [], undefined);
  if (code !== 0) throw new FailedError(`the services may still run: ops/service/stop.ts ended with exit code ${code}`);
}

/** @throws InterruptedError once the demo was told to stop. */
export function refuseStopped(): void {
  if (stopping.signal.aborted) throw new InterruptedError("the demo was interrupted");
}

// A caller's DEPLOY_ROOT or DEPLOY_MANIFEST would lead the commands to another tree.
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(DEPLOY_|SWITCHBACK_|REPO_ROOT$)/.test(name)),
  );
}

function exitCode(
  stage: Stage,
  name: string,
  words: string[],
  signal: AbortSignal | undefined,
): Promise<number | null> {
  const options: SpawnOptions = {
    cwd: stage.appPath,
    env: ownEnvironment(),
    stdio: ["ignore", "inherit", "inherit"],
    detached: !signal,
  };
  const child = spawn(path.join(opsPath, `${name}.ts`), words, options);
  const abort = () => child.kill("SIGINT");
  signal?.addEventListener("abort", abort);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      signal?.removeEventListener("abort", abort);
      resolve(code);
    });
  });
}
