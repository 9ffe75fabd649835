import { spawn, spawnSync } from "node:child_process";
import path from "node:path";
import { LIST, WHOLE } from "../build/file-list.ts";
import { FailedError } from "../core/errors.ts";
import { BUILDING } from "../core/paths.ts";

/** How far an upload is. */
export interface Sent {
  /** Of the files that differ, so far. */
  bytes: number;
  /** Of the files, those that were looked at; where nothing is deployed on the host yet, of the bytes. */
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
  /** The program there, where it is not `rsync` alone: see rsyncPath. */
  program: string[];
}

/**
 * rsync's words. Files are compared by what they hold: all of a commit's have its time, and a release's that are shared have one of an
 * earlier commit. Every file arrives writable for its owner, also those that are read-only here because two releases share them.
 */
export function rsyncWords({ rsh, destination, from, into, like, without, program }: Transfer): string[] {
  const words = ["--recursive", "--links", "--perms", "--times", "--checksum", "--compress", "--chmod=u+w"];
  words.push("--delete", "--partial", `--timeout=${SILENCE}`, "--protect-args");
  // Not --no-inc-recursive, whose counts would be whole: with it, rsync 3.5 hangs where the disk there is full (tried).
  words.push("--info=progress2", "--stats", "--outbuf=N");
  words.push(...[...OWN, ...without].map((place) => `--exclude=${anchored(place)}`));
  words.push(...like.map((directory) => `--copy-dest=${directory}`));
  return [...words, "--rsh", rsh, ...program, `${from}/`, `${destination}:${into}/`];
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
  let isEnded = false;
  const end = () => {
    isEnded = true;
    endGroup(child.pid);
  };
  signal.addEventListener("abort", end, { once: true });
  let [stdout, stderr] = ["", ""];
  let late: NodeJS.Timeout | undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (stdout + text).split(/[\r\n]/);
    stdout = [...lines.filter((line) => !isProgress(line)), ""].join("\n").slice(-MOST_KEPT);
    const last = lines.findLast(isProgress);
    if (last !== undefined) onProgress(last);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-MOST_KEPT);
    // One side has given up, and the other may not notice.
    if (FATAL.test(stderr)) late ??= setTimeout(end, 5000);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      clearTimeout(late);
      signal.removeEventListener("abort", end);
      // Somebody killed it: what the other side says of that is only that it was left.
      const isKilled = status === null && !isEnded;
      resolve({ status: isKilled ? null : (codeOf(stderr) ?? status), stdout, stderr });
    });
  });
}

const FATAL = /^rsync error: .*\(code (\d+)\)/m;

/** What the first side to fail says: the other one's exit code may only be that of having been left. */
function codeOf(stderr: string): number | undefined {
  const code = FATAL.exec(stderr)?.[1];
  return code === undefined ? undefined : Number(code);
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

/**
 * Reads a line of `--info=progress2`; undefined where it is none. `isLike`: there were files to compare with. `all`: how much there is,
 * where rsync does not ask for the whole list first, and knows only of a part of the files at a time.
 */
export function readProgress(line: string, isLike: boolean, all?: { files: number; bytes: number }): Sent | undefined {
  const [, digits, percent, left, known] = PROGRESS.exec(line) ?? [];
  if (digits === undefined) return undefined;
  const [bytes, count] = [numberOf(digits), Number(known ?? 0)];
  if (line.includes("to-chk=0/")) return { bytes, percent: 100 };
  const ofFiles = (count - Number(left ?? 0)) / Math.max(all?.files ?? 0, count, 1);
  const ofBytes = all ? bytes / Math.max(all.bytes, 1) : Number(percent) / 100;
  return { bytes, percent: Math.min(99, Math.floor((isLike ? ofFiles : ofBytes) * 100)) };
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
