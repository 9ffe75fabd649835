import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Proof } from "../../scripts/health/identity.ts";
import { observeProcess } from "../../scripts/processes/processes.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const started: ChildProcess[] = [];

/** A fresh tree with `releases/old` and `releases/new` in it, by its real path. */
export function makeTree(): { tree: string; oldPath: string; newPath: string } {
  const tree = realpathSync(mkdtempSync(join(tmpdir(), "switchback-health-")));
  const [oldPath, newPath] = [join(tree, "releases/old"), join(tree, "releases/new")];
  for (const path of [oldPath, newPath]) mkdirSync(path, { recursive: true });
  return { tree, oldPath, newPath };
}

export interface App {
  child: ChildProcess;
  port: number;
  url: string;
  proof: Proof;
}

/** Starts `app.ts` in its own session with `releasePath` as its directory and resolves once it runs. */
export async function startApp(releasePath: string, mode: string, env: Record<string, string> = {}): Promise<App> {
  const child = launch(releasePath, { MODE: mode, ...env });
  const port = Number(await firstLine(child));
  return {
    child,
    port,
    url: `http://127.0.0.1:${port}/health`,
    proof: proofOf(child, mode === "worker" ? undefined : port),
  };
}

/** Starts `app.ts` without waiting for it to listen. */
export function launch(releasePath: string, env: Record<string, string>): ChildProcess {
  const child = spawn(join(ROOT, "ops/_bun"), [join(ROOT, "test/health/app.ts")], {
    cwd: releasePath,
    env: { PATH: "/usr/bin:/bin", RELEASE_ID: "new", ...env },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  started.push(child);
  return child;
}

export function proofOf(child: ChildProcess, port: number | undefined): Proof {
  const found = observeProcess(child.pid ?? 0);
  if (!found) throw new Error("the application did not start");
  return { service: "web", pid: found.pid, startTime: found.startTime, port };
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((done, fail) => {
    child.stdout?.once("data", (chunk: Buffer) => done(chunk.toString()));
    child.once("exit", () => fail(new Error("the application ended before it listened")));
  });
}

/** A port of this machine that is free now. */
export function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}

/** Ends every application of this file with all its children, and removes the tree. */
export function clearAway(tree: string): void {
  for (const { pid } of started.splice(0)) {
    try {
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
  rmSync(tree, { recursive: true, force: true });
}
