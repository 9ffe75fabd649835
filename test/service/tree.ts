import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceDefinition, ServicePlace, ServiceRelease } from "../../scripts/service/definition.ts";
import { currentRelease, pidfileSupervisor } from "../../scripts/service/pidfile-supervisor.ts";
import { observeProcess } from "../../scripts/processes/processes.ts";

/** A tree with one release `r1`, in which `current` points at it. */
export function makeTree() {
  const deployTo = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-service-")));
  const at = (...names: string[]) => path.join(deployTo, ...names);
  fs.mkdirSync(at("releases/r1/app"), { recursive: true });
  fs.symlinkSync("releases/r1", at("current"));
  const place: ServicePlace = {
    app: "demo",
    deployTo,
    currentPath: at("current"),
    runPath: at("run"),
    logsPath: at("logs"),
  };
  const supervisor = pidfileSupervisor(place);
  const names = new Set<string>();
  const define = (run: string, change: Partial<ServiceDefinition> = {}): ServiceDefinition => {
    const definition = { name: "api", run, dir: "app", env: {}, env_file: [], stop_timeout: 2_000, ...change };
    names.add(definition.name);
    return definition;
  };
  const release = (): ServiceRelease => currentRelease(place);
  return {
    deployTo,
    place,
    supervisor,
    at,
    define,
    release,
    start: (definition: ServiceDefinition) => supervisor.start(definition, release()),
    script(name: string, ...lines: string[]) {
      const file = at("current/app", name);
      fs.writeFileSync(file, ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
      return `./${name}`;
    },
    log: (name = "api") => fs.readFileSync(at("logs", `${name}.log`), "utf8"),
    pidfile: (name = "api") => at("run", `${name}.pid`),
    async clear() {
      for (const name of names) await supervisor.stop(name, 0);
      fs.rmSync(deployTo, { recursive: true, force: true });
    },
  };
}

/** Waits for something that another process brings about. */
export async function until<T>(look: () => T | undefined | false, milliseconds = 5_000): Promise<T> {
  for (const end = performance.now() + milliseconds; performance.now() < end; await sleep(5)) {
    const seen = look();
    if (seen) return seen;
  }
  throw new Error(`did not come about within ${milliseconds} ms: ${look.toString()}`);
}

export const isGone = (pid: number) => observeProcess(pid) === undefined;

/** The text of a file that another process writes, once it is there and not empty. */
export const written = (file: string) => until(() => (fs.existsSync(file) ? fs.readFileSync(file, "utf8") : ""));
