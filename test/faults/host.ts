import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";

export const root = path.resolve(import.meta.dirname, "../..");
export const ops = (name: string) => path.join(root, "ops", `${name}.ts`);
const bun = path.join(
  root,
  "node_modules/@oven",
  `bun-${process.platform}-${process.arch === "arm64" ? "aarch64" : "x64"}`,
  "bin/bun",
);
/** The runtime itself, as `ops/_bun` starts it: what a fault is injected into. */
const runtime = [bun, "--no-install", "--no-env-file", "--config=/dev/null"];

/** Before a command: strace does something to the `when`-th call of this name, and lets the services that are started go. */
export const injecting = (call: string, what: string, when: number): string[] =>
  ["strace", "-f", "-b", "execve", "-qq", "-o", "/dev/null", "-e", `trace=${call}`].concat(
    ["-e", `inject=${call}:${what}:when=${when}`],
    runtime,
  );

const SERVER = `import http from "node:http";
import fs from "node:fs";
fs.appendFileSync("data/starts", process.env.RELEASE_ID + "\\n");
http.createServer((_, answer) => answer.end(process.env.RELEASE_ID)).listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

/** A throw-away application with its git repository, manifest and tree. */
export interface Application {
  path: string;
  tree: string;
  port: number;
}

/** Makes an application whose server starts at once. */
export async function makeApplication(extra = ""): Promise<Application> {
  const place = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "switchback-faults-"));
  const app = { path: path.join(place, "app"), tree: path.join(place, "tree"), port: await freePort() };
  fs.mkdirSync(path.join(app.path, "data"), { recursive: true });
  fs.writeFileSync(path.join(app.path, "server.ts"), SERVER);
  fs.writeFileSync(path.join(app.path, ".gitignore"), "data/\n.env\n");
  fs.writeFileSync(path.join(app.path, ".env"), "TOKEN=canary\n");
  fs.writeFileSync(
    path.join(app.path, "deploy.yaml"),
    `app: shop
deploy_to: ${app.tree}
linked_files: [.env]
linked_dirs: [data]
build:
  assets: { run: "mkdir -p dist && for i in 1 2 3; do echo $i > dist/$i; done" }
services:
  web:
    run: ${root}/ops/_bun server.ts
    port: ${app.port}
    env_file: .env
    health: { path: /, every: 10ms, healthy: 1, soak: 20ms }
${extra}`,
  );
  shell(app, "git init -q . && git add -A && git -c user.name=t -c user.email=t@localhost commit -qm one");
  return app;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs one of the suite's commands in the application's folder. */
export function run(app: Application, name: string, words: string[] = [], before: string[] = []) {
  return spawnSync(before[0] ?? ops(name), [...before.slice(1), ...(before.length > 0 ? [ops(name)] : []), ...words], {
    cwd: app.path,
    encoding: "utf8",
    timeout: 60_000,
  });
}

/** Like `run`, and refuses to go on when it fails. */
export function must(app: Application, name: string, words: string[] = []): string {
  const { status, stdout, stderr } = run(app, name, words);
  if (status !== 0) throw new Error(`${name} ${words.join(" ")}: exit ${status}\n${stdout}${stderr}`);
  return stdout;
}

export const shell = (app: Application, line: string) =>
  spawnSync("sh", ["-c", line], { cwd: app.path, encoding: "utf8" });

/** Stops what runs and removes all of it. */
export function remove(app: Application): void {
  run(app, "service/stop");
  fs.rmSync(path.dirname(app.path), { recursive: true, force: true });
}

/** I1: what is wrong with `current` of an application that was deployed before, if anything is. */
export function currentProblem(app: Application): string | undefined {
  const link = path.join(app.tree, "current");
  if (!fs.lstatSync(link, { throwIfNoEntry: false })) return "there is no current";
  if (!fs.existsSync(path.join(link, "RELEASE.json"))) return "current names no complete release";
  if (fs.existsSync(path.join(link, ".building"))) return "current names a release that is being built";
  return undefined;
}

export const currentId = (app: Application) => path.basename(fs.readlinkSync(path.join(app.tree, "current")));

/** What the service answers now; undefined: nothing. */
export async function answerOf(app: Application): Promise<string | undefined> {
  try {
    return await (await fetch(`http://127.0.0.1:${app.port}/`)).text();
  } catch {
    return undefined;
  }
}
