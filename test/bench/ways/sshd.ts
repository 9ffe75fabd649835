import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import { connect, createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { has, type Place, run } from "../place.ts";

/** A private SSH server on 127.0.0.1, with keys of its own. */
export interface Server {
  port: number;
  keyPath: string;
  knownHosts: string;
  user: string;
  stop: () => Promise<void>;
}

const FIRST_PORT = 24_200;
const PROGRAM = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/libexec/sshd"].find((file) => fs.existsSync(file));

/** Starts it; answers with the reason where that is not possible here. */
export async function startSshd(place: Place): Promise<Server | string> {
  if (PROGRAM === undefined) return "there is no sshd";
  if (!has("ssh-keygen") || !has("setpriv")) return "there is no ssh-keygen, or no setpriv";
  const directory = path.join(place.path, "ssh");
  fs.mkdirSync(directory, { mode: 0o700 });
  const file = (name: string) => path.join(directory, name);
  for (const name of ["host", "user"])
    run(place, {
      program: "ssh-keygen",
      words: ["-q", "-t", "rsa", "-m", "PEM", "-b", "2048", "-N", "", "-f", file(name)],
    });
  fs.copyFileSync(file("user.pub"), file("authorized_keys"));
  const port = await freePort();
  fs.writeFileSync(file("known_hosts"), `[127.0.0.1]:${port} ${fs.readFileSync(file("host.pub"), "utf8")}`);
  fs.writeFileSync(file("config"), config(directory, port));
  const child = spawn("setpriv", ["--pdeathsig", "TERM", ...ownRun(), PROGRAM, "-D", "-e", "-f", file("config")], {
    stdio: ["ignore", fs.openSync(file("log"), "w"), fs.openSync(file("log"), "a")],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const server = {
    port,
    keyPath: file("user"),
    knownHosts: file("known_hosts"),
    user: run(place, { program: "id", words: ["-un"] }).trim(),
    stop: async () => {
      child.kill();
      await ended;
    },
  };
  if (await answers(port, () => child.exitCode === null && child.signalCode === null)) {
    const why = refusal(place, server);
    if (why === undefined) return server;
    await server.stop();
    return why;
  }
  await server.stop();
  return `sshd did not start: ${fs.readFileSync(file("log"), "utf8").trim().split("\n").at(-1)}`;
}

const config = (directory: string, port: number) => `Port ${port}
ListenAddress 127.0.0.1
HostKey ${directory}/host
AuthorizedKeysFile ${directory}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
`;

/** Root's sshd wants /run/sshd: it gets a /run of its own, and the machine's stays as it is. */
const ownRun = () =>
  process.getuid?.() === 0
    ? ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs run /run && mkdir -m 755 /run/sshd && exec "$@"', "sh"]
    : [];

/** Why a login does not work; undefined when it does. */
function refusal(place: Place, { port, keyPath, knownHosts, user }: Server): string | undefined {
  const options = [
    `UserKnownHostsFile=${knownHosts}`,
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "StrictHostKeyChecking=yes",
  ];
  const words = ["-F", "/dev/null", "-i", keyPath, "-p", `${port}`, ...options.flatMap((option) => ["-o", option])];
  const { status, stderr } = spawnSync("ssh", [...words, `${user}@127.0.0.1`, "true"], {
    env: place.env,
    encoding: "utf8",
  });
  return status === 0 ? undefined : `no login by ssh on 127.0.0.1: ${stderr.trim().split("\n").at(-1)}`;
}

async function answers(port: number, isUp: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 100 && isUp(); attempt++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port }, () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (isOpen) return true;
    await sleep(50);
  }
  return false;
}

async function freePort(): Promise<number> {
  for (let port = FIRST_PORT; port < FIRST_PORT + 50; port++) {
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer().once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error(`no port from ${FIRST_PORT} on is free`);
}
