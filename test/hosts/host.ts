import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { claim, clearOrphans, leaveLab, type Place } from "./lab.ts";

const here = import.meta.dirname;
const checkout = fs.realpathSync(path.resolve(here, "../.."));

/** Where the suite is found in a host, by every account. */
export const SUITE = "/opt/switchback";

export interface RunOptions {
  /** Default root. A user has a session: `systemctl --user` works. */
  user?: string;
  /** Working directory; default the user's home. */
  dir?: string;
  env?: Record<string, string>;
  input?: string;
  /** Milliseconds until it is killed; default a minute. */
  timeout?: number;
}

export interface Ran {
  /** Null: killed. */
  status: number | null;
  stdout: string;
  stderr: string;
}

/** A throw-away host: a systemd of its own as PID 1, a network address, a disk in memory. */
export interface Host {
  name: string;
  address: string;
  /** What the machine keeps of it: console, leader, ssh files. */
  place: string;
  /** Runs a program with its arguments; no shell. */
  run(words: string[], options?: RunOptions): Promise<Ran>;
  /** Like run; gives what was printed, and throws when it fails. */
  must(words: string[], options?: RunOptions): Promise<string>;
  /** Runs lines in bash, and throws when they fail. */
  sh(lines: string, options?: RunOptions): Promise<string>;
  /** Over the network, as a login does. */
  ssh(words: string[], user?: string): Promise<Ran>;
  /** Writes a file as root, or as its later owner. */
  write(file: string, text: string, options?: { user?: string; mode?: string }): Promise<void>;
  /** Boots again with the same disk; hard: everything is killed at once, as by a power cut that loses no file. */
  reboot(options?: { hard?: boolean }): Promise<void>;
  /** Removes it without a trace. */
  down(): Promise<void>;
}

/** Collects what a program of this machine prints. */
export function collect(words: string[], { input, timeout = 60_000 }: RunOptions = {}): Promise<Ran> {
  const child = spawn(words[0] ?? "", words.slice(1), { stdio: ["pipe", "pipe", "pipe"] });
  const chunks: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
  for (const from of ["stdout", "stderr"] as const)
    child[from].on("data", (chunk: Buffer) => void chunks[from].push(chunk));
  // A program that ends without reading all of its input is no failure of ours.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input ?? "");
  const late = setTimeout(() => child.kill("SIGKILL"), timeout);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      clearTimeout(late);
      resolve({
        status,
        stdout: Buffer.concat(chunks.stdout).toString(),
        stderr: Buffer.concat(chunks.stderr).toString(),
      });
    });
  });
}

const PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const leaderOf = (place: string) => {
  const file = path.join(place, "leader");
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim() : undefined;
};

/** The words before a command: into the host's namespaces, as the user. */
export function entering(place: string, { user = "root", dir, env = {} }: RunOptions = {}): string[] {
  const home = user === "root" ? "/root" : `/home/${user}`;
  const leader = leaderOf(place);
  if (leader === undefined) throw new Error(`no host is up in ${place}`);
  const enter = ["nsenter", "-t", leader, "-m", "-u", "-i", "-n", "-p", "-C"];
  const account = ["sh", "-c", VISIT, "visit"].concat(
    user === "root"
      ? []
      : ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "sh", "-c", SESSION, "session"],
  );
  const set = Object.entries({ PATH, LANG: "C.UTF-8", HOME: home, USER: user, LOGNAME: user, ...env });
  const settings = set.map(([name, value]) => `${name}=${value}`);
  return [...enter, "env", "-i", `--chdir=${dir ?? home}`, ...settings, ...account];
}

// Else it would be seen in a cgroup outside of the host's own tree.
const VISIT = 'cg=/sys/fs/cgroup/visitors; mkdir -p $cg && echo 0 >$cg/cgroup.procs && exec "$@"';

const SESSION =
  'XDG_RUNTIME_DIR=/run/user/$(id -u); DBUS_SESSION_BUS_ADDRESS=unix:path=$XDG_RUNTIME_DIR/bus; export XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS; exec "$@"';

/** The handle of a host that is up. */
export function hostIn({ path: place, name, number }: Place): Host {
  const address = `198.18.88.${number}`;
  const run = (words: string[], options: RunOptions = {}) => collect([...entering(place, options), ...words], options);
  const must = async (words: string[], options: RunOptions = {}) => {
    const { status, stdout, stderr } = await run(words, options);
    if (status !== 0) throw new Error(`${name}: ${words.join(" ")}: exit ${status}\n${stdout}${stderr}`);
    return stdout;
  };
  return {
    name,
    address,
    place,
    run,
    must,
    sh: (lines, options) => must(["bash", "-euo", "pipefail", "-c", lines], options),
    ssh: (words, user = "deploy") => collect(["ssh", ...sshOptions(place), `${user}@${address}`, ...words]),
    async write(file, text, { user = "root", mode = "644" } = {}) {
      const line = 'mkdir -p -- "$(dirname -- "$1")" && cat >"$1" && chmod "$2" -- "$1"';
      await must(["sh", "-c", line, "write", file, mode], { user, input: text });
    },
    async reboot({ hard = false } = {}) {
      const before = leaderOf(place);
      if (hard) fs.writeFileSync(path.join(place, "cut"), "");
      // The signal that PID 1 takes for `systemctl reboot`.
      await collect(["kill", hard ? "-KILL" : "-RTMIN+5", before ?? ""]);
      await until(place, () => leaderOf(place) !== before, "reboot");
      await booted(place);
    },
    async down() {
      const keeper = fs.readFileSync(path.join(place, "keeper"), "utf8");
      await collect(["kill", "-TERM", keeper]);
      for (const end = performance.now() + 20_000; fs.existsSync(place); await sleep(10))
        if (performance.now() > end) throw new Error(`${name} did not go down: see ${place}`);
      leaveLab();
    },
  };
}

const sshOptions = (place: string) =>
  ["-i", `${place}/key`, "-F", "/dev/null"].concat(
    [`UserKnownHostsFile=${place}/known_hosts`, "IdentitiesOnly=yes", "BatchMode=yes", "LogLevel=ERROR"].flatMap(
      (option) => ["-o", option],
    ),
  );

/**
 * Boots a host named `sb-<stem>-<pid of this process>`, which ends with this process whatever ends it; `keep`: named
 * `sb-<stem>`, and there until it is taken down.
 */
export async function bootHost(stem: string, { keep = false } = {}): Promise<Host> {
  clearOrphans();
  const place = claim(keep ? `sb-${stem}` : `sb-${stem}-${process.pid}`);
  const words = [place.path, place.name, String(place.number), checkout, keep ? "kept" : "tied"];
  const console = fs.openSync(path.join(place.path, "keeping"), "w");
  const child = spawn(path.join(here, "keep.bash"), words, {
    detached: true,
    stdio: [keep ? "ignore" : "pipe", console, console],
  });
  fs.closeSync(console);
  fs.writeFileSync(path.join(place.path, "keeper"), String(child.pid));
  child.unref();
  try {
    await booted(place.path);
  } catch (error) {
    child.kill("SIGTERM");
    throw error;
  }
  return hostIn(place);
}

async function booted(place: string): Promise<void> {
  const bus = () => fs.existsSync(`/proc/${leaderOf(place)}/root/run/systemd/private`);
  await until(place, () => leaderOf(place) !== undefined && bus(), "start its systemd");
  const { stdout } = await collect([...entering(place), "systemctl", "is-system-running", "--wait"]);
  if (stdout.trim() === "running") return;
  const failed = await collect([...entering(place), "systemctl", "--failed", "--no-pager", "--plain"]);
  throw new Error(`a host came up ${stdout.trim()}:\n${failed.stdout}${consoleOf(place)}`);
}

async function until(place: string, look: () => boolean, what: string): Promise<void> {
  for (const end = performance.now() + 30_000; !look(); await sleep(10)) {
    if (!fs.existsSync(place)) throw new Error(`a host ended before it could ${what}`);
    if (performance.now() > end) throw new Error(`a host did not ${what} within 30 s\n${consoleOf(place)}`);
  }
}

const consoleOf = (place: string) =>
  ["console", "keeping"]
    .map((name) => path.join(place, name))
    .map((file) => (fs.existsSync(file) ? fs.readFileSync(file, "utf8") : ""))
    .join("");
