import { spawn, spawnSync } from "node:child_process";
import path from "node:path";
import { LIST, WHOLE } from "../build/file-list.ts";
import { FailedError } from "../core/errors.ts";
import { BUILDING } from "../core/paths.ts";

/** How far an upload is. */
export interface Sent {
  /** Of the files that differ, so far. */
  bytes: number;
  /** Of the files that were looked at; before anything is deployed on the host, of the bytes. */
  percent: number;
}

/** How a run of rsync ended. */
export interface RsyncEnd {
  /** See rsync(1), EXIT VALUES; null: a signal ended it. */
  status: number | null;
  stdout: string;
  stderr: string;
}

/** What a release has for itself on each machine. */
const OWN = ["RELEASE.json", "RELEASE.env", LIST, WHOLE, BUILDING];

/** Seconds without a word after which either side gives up: what is left of a broken line ends by itself. */
const SILENCE = 120;

export interface Transfer {
  /** For `-e`. */
  rsh: string;
  /** `user@host`. */
  destination: string;
  /** Absolute, here. */
  from: string;
  /** Absolute, there. */
  into: string;
  /** Releases there whose files are taken where they are alike: absolute. */
  like: string[];
  /** Places of the release that do not travel. */
  without: string[];
}

/**
 * rsync's words. Files are compared by what they hold: all of a commit's have its time, and a release's that are shared have one of an
 * earlier commit. Every file arrives writable for its owner, also those that are read-only here because two releases share them.
 */
export function rsyncWords({ rsh, destination, from, into, like, without }: Transfer): string[] {
  const words = ["--recursive", "--links", "--perms", "--times", "--checksum", "--compress", "--chmod=u+w"];
  words.push("--delete", "--partial", `--timeout=${SILENCE}`, "--protect-args");
  // The whole list first: else nothing is known of how much there is to do.
  words.push("--no-inc-recursive", "--info=progress2", "--stats", "--outbuf=N");
  words.push(...[...OWN, ...without].map((place) => `--exclude=${anchored(place)}`));
  words.push(...like.map((directory) => `--copy-dest=${directory}`));
  return [...words, "--rsh", rsh, `${from}/`, `${destination}:${into}/`];
}

// Only in a pattern with a wildcard a backslash quotes (rsync(1), PATTERN MATCHING RULES).
const anchored = (place: string) => `/${/[*?[]/.test(place) ? place.replaceAll(/[*?[\\]/g, "\\$&") : place}`;

/** Runs rsync until it ends or is told to stop. Its progress is told as it comes; what it says of errors, in English, is in the answer. */
export function runRsync(words: string[], signal: AbortSignal, onProgress: (line: string) => void): Promise<RsyncEnd> {
  const { RSYNC_PARTIAL_DIR: _, RSYNC_OLD_ARGS: __, ...env } = process.env;
  const child = spawn("rsync", words, {
    env: { ...env, LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const end = () => endGroup(child.pid);
  signal.addEventListener("abort", end, { once: true });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (stdout + text).split(/[\r\n]/);
    stdout = [...lines.filter((line) => !isProgress(line)), ""].join("\n").slice(-MOST_KEPT);
    const last = lines.findLast(isProgress);
    if (last !== undefined) onProgress(last);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-MOST_KEPT)));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      signal.removeEventListener("abort", end);
      resolve({ status, stdout, stderr });
    });
  });
}

/** rsync, and its ssh. */
function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGTERM");
  } catch {
    // It has just ended.
  }
}

const MOST_KEPT = 64 * 1024;
const PROGRESS = /^\s*([\d,.]+)\s+(\d+)%.*?(?:(?:to|ir)-chk=(\d+)\/(\d+))?\)?\s*$/;
const isProgress = (line: string) => PROGRESS.test(line);
const numberOf = (digits: string) => Number(digits.replaceAll(/\D/g, ""));

/** Reads a line of `--info=progress2`; undefined where it is none. `isLike`: there were files to compare with. */
export function readProgress(line: string, isLike: boolean): Sent | undefined {
  const [, bytes, percent, left, all] = PROGRESS.exec(line) ?? [];
  if (bytes === undefined) return undefined;
  const isCounted = isLike && left !== undefined && Number(all) > 0;
  return {
    bytes: numberOf(bytes),
    percent: isCounted ? Math.floor((1 - Number(left) / Number(all)) * 100) : Number(percent),
  };
}

/** The bytes that went over the wire, both ways, by `--stats`. */
export function wireBytes(stdout: string): number {
  const found = [...stdout.matchAll(/^Total bytes (?:sent|received): ([\d,.]+)/gm)];
  return found.reduce((sum, [, digits = ""]) => sum + numberOf(digits), 0);
}

/** @throws FailedError where this machine's rsync is missing, or is not Samba's of 2013 or later (macOS has another one). */
export function refuseOldRsync(): void {
  const { stdout, error } = spawnSync("rsync", ["--version"], { encoding: "utf8" });
  const next = process.platform === "darwin" ? "brew install rsync" : "sudo apt-get install rsync";
  if (error) throw new FailedError("rsync is needed on this machine, and is not in PATH", { next });
  const [first = ""] = stdout.split("\n");
  if (isAtLeast(first, 3, 1)) return;
  throw new FailedError(`rsync 3.1 or later is needed on this machine, and this is ${first.trim()}`, { next });
}

/** Whether `rsync --version` tells Samba's rsync of that version or a later one. */
export function isAtLeast(version: string, major: number, minor: number): boolean {
  const [, found, below] = /^rsync\s+version v?(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(found) > major || (Number(found) === major && Number(below) >= minor);
}

/** `<deploy_to>/incoming/<id>` there, and the record of it. */
export const incomingThere = (deployTo: string, id: string) => {
  const directory = path.posix.join(deployTo, "incoming", id);
  return { directory, record: `${directory}.json` };
};
