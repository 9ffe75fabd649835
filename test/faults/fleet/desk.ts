import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Host, type Ran } from "../../hosts/host.ts";
import { sshConfig } from "../../hosts/ssh-config.ts";
import { ops } from "../host.ts";
import { Line } from "./line.ts";

export const TREE = "/home/deploy/shop";
export const PORT = 22410;
/** A value of each source that a secret can have: nowhere but in the hosts' own files may one of them be. */
export const CANARIES = ["c4n4ry-of-env-51c0", "c4n4ry-of-run-9d2e", "c4n4ry-of-file-77ab"] as const;
/** What is looked for: they travel as base64. */
export const TRACES = CANARIES.flatMap((value) => [value, Buffer.from(value).toString("base64")]);
/** Bytes of what is new in each commit, and of what a host's build makes. */
export const SENT = 3_000_000;
export const MADE = 6_000_000;

/** Milliseconds that a command may take at the most: a minute of looking for a host is among them. */
const MOST = 120_000;
/** Stands at the end of what was said by one that took longer. */
export const LATE = "it did not end within two minutes";

/** A command that was begun, and what it has said so far. */
export interface Begun {
  pid: number;
  kill(signal: NodeJS.Signals): void;
  said(): string;
  ended: Promise<Ran>;
}

/** Where somebody deploys from: a repository with its manifest, secrets, ssh's configuration, a state folder of its own. */
export class Desk {
  readonly place = fs.mkdtempSync(path.join(os.tmpdir(), "sb-desk-"));
  readonly app = path.join(this.place, "app");
  readonly hosts: Host[];
  readonly lines: Line[];
  /** All that any command said. */
  told = "";

  constructor(hosts: Host[]) {
    this.hosts = hosts;
    this.lines = hosts.map(({ address }) => new Line(address));
  }

  async open(): Promise<this> {
    for (const name of ["app", "home", "runtime"]) fs.mkdirSync(path.join(this.place, name), { mode: 0o700 });
    const ports = await Promise.all(this.lines.map((line) => line.open()));
    const direct = this.hosts.map(({ address }) => `  HostName ${address}`);
    const bad = this.hosts.map(
      ({ address }, at) => `  HostName 127.0.0.1\n  Port ${ports[at]}\n  HostKeyAlias ${address}`,
    );
    this.write("ssh_direct", this.sshConfig(direct));
    this.write("ssh_bad", this.sshConfig(bad));
    this.write("key", CANARIES[1]);
    this.write("file.env", CANARIES[2]);
    fs.copyFileSync(path.join(import.meta.dirname, "../../hosts/app/server.py"), path.join(this.app, "server.py"));
    this.write("app/mode", "ok\n");
    this.write("app/deploy.yaml", this.manifest());
    for (let at = 0; at < 200; at++) this.write(`app/files/${at}`, `${at}\n`.repeat(200));
    this.git("init", "-q", "-b", "main");
    return this;
  }

  private write(name: string, text: string | Buffer): void {
    fs.mkdirSync(path.dirname(path.join(this.place, name)), { recursive: true });
    fs.writeFileSync(path.join(this.place, name), text);
  }

  private sshConfig(ways: string[]): string {
    const known = this.hosts.map(({ place }) => `${place}/known_hosts`).join(" ");
    return this.hosts
      .map((host, at) => `${sshConfig(`web${at + 1}`, host, { UserKnownHostsFile: known })}${ways[at]}\n`)
      .join("");
  }

  private manifest(): string {
    return `app: shop
deploy_to: ${TREE}
supervisor: systemd-user
linked_dirs: [data]
linked_files:
  - { path: .env, value_from: { env: SHOP_SECRET } }
  - { path: key.pem, value_from: { run: cat ../key } }
  - { path: file.env, value_from: { file: ../file.env } }
build:
  here: { build_on: local, run: "mkdir -p dist && cp mode dist/made" }
  there: { run: "sleep 0.3 && mkdir -p there && head -c ${MADE} /dev/zero >there/big" }
services:
  web:
    run: /usr/bin/python3 server.py
    port: ${PORT}
    env_file: .env
    health: { path: /health, every: 50ms, timeout: 5s, soak: 200ms }
    stop_timeout: 5s
environments:
  prod: { hosts: [${this.hosts.map((_, at) => `web${at + 1}`).join(", ")}] }
`;
  }

  private git(...words: string[]): void {
    const who = ["-c", "user.name=d", "-c", "user.email=d@localhost"];
    const { status, stderr } = spawnSync("git", ["-C", this.app, ...who, ...words], { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  }

  /** Another commit, of which three megabytes have to be sent. */
  commit(): void {
    this.write("app/blob", randomBytes(SENT));
    this.git("add", "-A");
    this.git("commit", "-qm", "next");
  }

  /** `deploy …`, from here; `isBad`: over the lines of which the quality can be changed. */
  begin(typed: string, { env = {}, isBad = false, before = [] }: BeginOptions = {}): Begun {
    const [program = "", ...words] = [...before, ops("deploy"), ...typed.split(" ")];
    const child = spawn(program, words, {
      cwd: this.app,
      env: this.environment(isBad, env),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => void (said.stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => void (said.stderr += chunk.toString()));
    const late = setTimeout(() => {
      said.stderr += LATE;
      child.kill("SIGKILL");
    }, MOST);
    const ended = new Promise<Ran>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (status) => {
        clearTimeout(late);
        // What it had started may hold the streams for longer.
        setTimeout(() => child.stdout.destroy(), 500);
        setTimeout(() => child.stderr.destroy(), 500);
        child.once("close", () => {
          this.told += said.stdout + said.stderr;
          resolve({ status, ...said });
        });
      });
    });
    return {
      pid: child.pid as number,
      kill: (signal) => void child.kill(signal),
      said: () => said.stdout + said.stderr,
      ended,
    };
  }

  private environment(isBad: boolean, more: Record<string, string>): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HOME: path.join(this.place, "home"),
      XDG_RUNTIME_DIR: path.join(this.place, "runtime"),
      SWITCHBACK_SSH: `ssh -F ${this.place}/ssh_${isBad ? "bad" : "direct"}`,
      SHOP_SECRET: CANARIES[0],
      ...more,
    };
  }

  /** Processes of ssh that this desk's commands have started: the clients, and the shared connections. */
  sshPids(): number[] {
    const all = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return all.filter((pid) => isSsh(pid) && textOf(`/proc/${pid}/cmdline`).includes(this.place)).map(Number);
  }

  close(): void {
    for (const line of this.lines) line.close();
    for (const pid of this.sshPids()) process.kill(pid);
    fs.rmSync(this.place, { recursive: true, force: true });
  }
}

export interface BeginOptions {
  env?: Record<string, string>;
  isBad?: boolean;
  /** Words in front of the command. */
  before?: string[];
}

const isSsh = (pid: string) => textOf(`/proc/${pid}/comm`) === "ssh\n";

function textOf(file: string): string {
  try {
    return fs.readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
