import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { command } from "../core/step.ts";
import type { Host } from "../manifest/loaded.ts";
import { parseWords } from "../service/words.ts";
import { afterMark, commandFor } from "./script.ts";
import { settingsOf, sharingWords } from "./sharing.ts";

/** What a program on a host printed. */
export interface Answer {
  /** Of the script; 255 where ssh itself failed (ssh(1)), null where its time ran out. */
  status: number | null;
  stdout: string;
  stderr: string;
  /** The host's `sh` had begun with the script; else `stderr` is what ssh, or the login, said. */
  isBegun: boolean;
}

export interface ScriptOptions {
  input?: string | Buffer;
  /** Default: 30,000 ms. */
  timeoutMs?: number;
}

const OPTIONS = [
  // Nobody is there to be asked; a host key that is not known is refused.
  "BatchMode=yes",
  // A dead line is noticed within twenty seconds.
  "ServerAliveInterval=5",
  "ServerAliveCountMax=3",
  // What a person's own logins to the host have beside the shell is not for these calls.
  "ClearAllForwardings=yes",
  "ForwardAgent=no",
  "RemoteCommand=none",
].flatMap((option) => ["-o", option]);

const program = (): string[] => {
  const chosen = process.env["SWITCHBACK_SSH"];
  return chosen ? parseWords(chosen, process.env, { where: "SWITCHBACK_SSH" }) : ["ssh"];
};

const portWords = ({ port }: Host): string[] => (port === undefined ? [] : ["-p", String(port)]);

/** The brackets of an IPv6 address are the manifest's, not ssh's. */
const destinationOf = ({ destination }: Host): string => destination.replace(/\[(.*)\]$/, "$1");

const known = new Map<string, string[]>();

/** ssh with all its options, without the host. */
function optionsFor(host: Host): string[] {
  const words = [...program(), ...portWords(host)];
  const destination = destinationOf(host);
  const key = JSON.stringify([words, destination]);
  const found = known.get(key) ?? [...words, ...OPTIONS, "-T", "-x", ...sharingWords(words, destination)];
  known.set(key, found);
  return found;
}

/**
 * ssh with all its options and the host, the command still to come: the user's own configuration, agent, known_hosts and jump hosts;
 * it asks nothing. `$SWITCHBACK_SSH` (words, as GIT_SSH_COMMAND has them) is used in place of `ssh`.
 */
export const sshWords = (host: Host): string[] => [...optionsFor(host), destinationOf(host)];

/** For rsync's `-e`: the same ssh as one string, by rsync's own rules for quotes; rsync adds the host, `host.destination`. */
export const rshOf = (host: Host): string =>
  optionsFor(host)
    .map((word) => (/[\s'"]/.test(word) ? `"${word.replaceAll('"', '""')}"` : word))
    .join(" ");

/** Whether the user's own configuration lets ssh refuse a host that shows a key that is not known. */
export const isKeyChecked = (host: Host): boolean =>
  !/^stricthostkeychecking false$/m.test(settingsOf([...program(), ...portWords(host)], destinationOf(host)));

/** What a person types to get there: `ssh -p 2222 deploy@host`. */
export const typedSsh = (host: Host): string => command(...program(), ...portWords(host), destinationOf(host));

/** A mark that no login file prints. */
export const newMark = (): string => `switchback-${randomBytes(8).toString("hex")}`;

/**
 * Starts ssh in a session of its own, so that a Ctrl-C of the terminal is ours to handle.
 * @param mark the line with which both streams begin; see commandFor
 */
export const spawnThere = (host: Host, script: string, mark: string) => {
  const words = [...sshWords(host), commandFor(script, mark)];
  return spawn(words[0] as string, words.slice(1), { stdio: ["pipe", "pipe", "pipe"], detached: true });
};

/** Runs lines in the host's own `sh`, which it reads from the command, not from a login shell's files. */
export function runThere(host: Host, script: string, options: ScriptOptions = {}): Promise<Answer> {
  const mark = newMark();
  const child = spawnThere(host, script, mark);
  const chunks: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
  for (const from of ["stdout", "stderr"] as const)
    child[from].on("data", (chunk: Buffer) => void chunks[from].push(chunk));
  // ssh may end before it has read all of it.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  let isLate = false;
  const late = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, options.timeoutMs ?? 30_000);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      clearTimeout(late);
      const [stdout, stderr] = [chunks.stdout, chunks.stderr].map((parts) => Buffer.concat(parts).toString()) as [
        string,
        string,
      ];
      const answer = afterMark(stdout, mark);
      resolve({
        status: isLate ? null : (status ?? 255),
        stdout: answer ?? "",
        stderr: afterMark(stderr, mark) ?? stderr,
        isBegun: answer !== undefined,
      });
    });
  });
}
