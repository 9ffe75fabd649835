import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { suitePath } from "../core/context.ts";
import { FailedError } from "../core/errors.ts";
import { quote } from "../core/step.ts";
import { templatesPath } from "../render/template.ts";
import { loadLine, type Printed, printJob, unloadLine } from "./launchctl.ts";
import { type Owner, type Target, targetOf } from "./names.ts";

/** A value that only quotes keep as it is; it lies in a file of mode 0600, as a secret would. */
export const GREETING = "hello  'launchd' # $HOME";
const LABEL = "switchback.self-test";

/** What the application tells of itself. */
export interface Told {
  pid: number;
  release: string;
  greeting: string;
  cwd: string;
}

/** A throw-away application with a real tree in a temporary directory, under launchd. */
export interface SelfTestApp {
  web: Target;
  nightly: Target;
  /** Absolute place in the temporary directory. */
  at(...names: string[]): string;
  /** One of the suite's own commands. @throws FailedError with what it said, unless it ends with 0 */
  op(name: string, ...words: string[]): string;
  /** What it answers on its port. @throws when it does not */
  ask(): Promise<Told>;
  printed(target: Target): Printed | undefined;
  /** Writes the manifest anew, without the services. */
  withoutServices(): void;
  /** Takes everything away again. */
  clear(): void;
}

/** Makes the application on a port; nothing is given to launchd yet. */
export function makeSelfTestApp(port: number, owner: Owner): SelfTestApp {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-self-test-")));
  const at = (...names: string[]) => path.join(root, ...names);
  const target = (name: string) => targetOf(`${LABEL}.${name}`, false, owner);
  const [web, nightly] = [target("web"), target("nightly")];
  const write = (services: string) => fs.writeFileSync(at("app/deploy.yaml"), manifestOf(at("tree"), services));
  fs.mkdirSync(at("app"));
  fs.mkdirSync(at("tree/shared"), { recursive: true });
  fs.copyFileSync(path.join(templatesPath, "launchd/self-test-server.ts"), at("app/server.ts"));
  fs.writeFileSync(at("app/.env"), `GREETING="${GREETING}"\n`, { mode: 0o600 });
  write(servicesOf(port));
  return {
    web,
    nightly,
    at,
    op: (name, ...words) =>
      run(path.join(suitePath, "ops", `${name}.ts`), ["--manifest", at("app/deploy.yaml"), ...words]),
    async ask() {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5_000) });
      return (await answer.json()) as Told;
    },
    printed: printJob,
    withoutServices: () => write(""),
    clear() {
      for (const one of [web, nightly]) {
        spawnSync("bash", ["-c", unloadLine(one, 20)]);
        fs.rmSync(one.path, { force: true });
      }
      fs.rmSync(root, { recursive: true, force: true });
    },
  };
}

const manifestOf = (deployTo: string, services: string) => `app: switchback-self-test
deploy_to: ${JSON.stringify(deployTo)}
source: { via: worktree }
linked_files: [{ path: .env, mode: "0600" }]
supervisor: launchd
${services}`;

const servicesOf = (port: number) => `services:
  web:
    run: ${JSON.stringify(`${quote(path.join(suitePath, "ops/_bun"))} server.ts`)}
    port: ${port}
    env_file: .env
    restart_sec: 1s
    stop_timeout: 5s
    label: ${LABEL}.web
    health: { path: /, every: 100ms, timeout: 30s, soak: 500ms }
  nightly:
    run: /usr/bin/true
    schedule: "17 3 * * 1-5"
    label: ${LABEL}.nightly
`;

function run(file: string, words: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(file, words, { encoding: "utf8", env: cleanEnvironment() });
  if (status === 0) return stdout;
  throw new FailedError(`${path.basename(file)} ended with ${status ?? error?.message}`, {
    output: `${stdout}${stderr}`.trim().split("\n").slice(-15),
  });
}

/** Settings of the caller's own would lead the commands to another tree. */
const cleanEnvironment = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(DEPLOY_|SWITCHBACK_|REPO_ROOT)/.test(name)));

/** Unloads and loads a job. @returns how often launchd answered with error 5 meanwhile */
export function reload(target: Target): number {
  const { status, stderr } = spawnSync(
    "bash",
    ["-euo", "pipefail", "-c", `${unloadLine(target, 20)}\n${loadLine(target)}`],
    {
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new FailedError(`reloading ${target.label}: ${stderr.trim()}`);
  return stderr.split("\n").filter((line) => /failed: 5:/.test(line)).length;
}
