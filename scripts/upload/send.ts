import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suitePath } from "../core/context.ts";
import { BusyError, FailedError, InterruptedError, UsageError } from "../core/errors.ts";
import { quote } from "../core/step.ts";
import { asOwner, rsyncPath } from "../remote/as-owner.ts";
import type { Connection } from "../remote/connection.ts";
import { type Answer, rshOf, runThere, typedSsh } from "../remote/ssh.ts";
import { isRefusal, noAnswer } from "../remote/unreachable.ts";
import { reporter } from "../terminal/reporter.ts";
import { showBytes } from "../text/amounts.ts";
import {
  incomingThere,
  isAtLeast,
  readProgress,
  refuseOldRsync,
  type RsyncEnd,
  rsyncWords,
  runRsync,
  type Sent,
  wireBytes,
} from "./rsync.ts";
import { BEGIN, BUSY, FINISH, GIVE_BACK } from "./scripts.ts";
import type { Staged } from "./staged.ts";
import { stoppable } from "./stopping.ts";

export type { Sent } from "./rsync.ts";
export type { Staged } from "./staged.ts";
export { stage } from "./stage.ts";

/** So long, in milliseconds, a line that broke is tried again while nothing more arrives. */
const PATIENCE = 60_000;

/** The line to a host broke: what arrived is there, and the upload can go on. */
class BrokenLine extends Error {
  readonly reason: FailedError;

  constructor(reason: FailedError) {
    super(reason.message);
    this.reason = reason;
  }
}

/**
 * Puts a staged release into `<deploy_to>/incoming/<id>` on a host by rsync, against the release that is current there: an unchanged
 * file is not sent. A line that breaks is tried again for a minute, and the upload goes on where it was; one that broke off is taken
 * up again by the next command, and removed there by a prune after a day. Answers with the bytes that went over the wire at the last try.
 * @throws FailedError where rsync or room is missing, BusyError while somebody else sends the same release there, InterruptedError
 */
export async function send(connection: Connection, staged: Staged, onProgress: (sent: Sent) => void): Promise<number> {
  refuseNames(staged);
  refuseOldRsync();
  return stoppable((signal) => sendPatiently({ connection, staged, signal, onProgress }));
}

interface Sending {
  connection: Connection;
  staged: Staged;
  signal: AbortSignal;
  onProgress: (sent: Sent) => void;
}

async function sendPatiently(sending: Sending): Promise<number> {
  const { name } = sending.connection.host;
  let heard = performance.now();
  const onProgress = (sent: Sent) => {
    heard = performance.now();
    sending.onProgress(sent);
  };
  for (let tries = 1; ; tries++) {
    try {
      return await sendOnce({ ...sending, onProgress }, tries);
    } catch (error) {
      if (sending.signal.aborted) throw interrupted(name);
      if (!(error instanceof BrokenLine)) throw error;
      if (performance.now() - heard > PATIENCE) throw error.reason;
      reporter().warn(`${error.message}; the upload to ${name} goes on where it was`);
      await sleep(Math.min(500 * 2 ** tries, 10_000), undefined, { signal: sending.signal }).catch(() => undefined);
      if (sending.signal.aborted) throw interrupted(name);
    }
  }
}

const interrupted = (host: string) =>
  new InterruptedError(`the upload to ${host} was interrupted; what arrived is kept for the next one`);

// Beside `v1` lies `v1.json`, which may not be a release of its own.
function refuseNames({ id }: Staged): void {
  if (id.endsWith(".json")) throw new UsageError(`${id} is no id for a release that is uploaded: it ends with .json`);
}

async function sendOnce({ connection, staged, signal, onProgress }: Sending, tries: number): Promise<number> {
  const { host, deployTo, currentId } = connection;
  const { directory } = incomingThere(deployTo, staged.id);
  const like = currentId === undefined ? [] : [path.posix.join(deployTo, "releases", currentId)];
  await begin(connection, staged, tries);
  const { destination } = host;
  const places = { destination, from: staged.directory, into: directory, like, without: staged.without };
  const words = rsyncWords({ ...places, rsh: rshOf(host), program: rsyncPath(connection) });
  const ended = await runRsync(words, signal, (line) => {
    const sent = readProgress(line, like.length > 0, staged);
    if (sent) onProgress(sent);
  });
  if (ended.status !== 0) throw await failureOf(connection, staged, ended);
  await finish(connection, staged);
  return wireBytes(ended.stdout);
}

/** Makes the place ready: from here on nothing there counts as complete. */
async function begin(connection: Connection, { id }: Staged, tries: number): Promise<void> {
  const { host, deployTo } = connection;
  const { status, stdout, stderr } = await asked(connection, id, `again=${tries > 1 ? "yes" : ""}\n${BEGIN}`);
  if (status === BUSY)
    throw new BusyError(`somebody uploads ${id} to ${host.name} at this moment`, {
      host: host.name,
      next: "wait until that has ended, or, where its line is dead, two minutes; then type the command again",
    });
  if (status !== 0) throw refusedBy(connection, `${deployTo}/incoming cannot be written`, stderr);
  if (isAtLeast(stdout.trim(), 3, 0)) return;
  const what = stdout.trim() === "" ? "has no rsync" : `has ${stdout.trim()}, and rsync 3.0 or later is needed there`;
  throw new FailedError(`${host.name} ${what}`, {
    host: host.name,
    next: `${typedSsh(host)} sudo apt-get install rsync   # or as packages are installed there`,
  });
}

/** Says there that all of it has arrived. */
async function finish(connection: Connection, staged: Staged): Promise<void> {
  const { directory: _, without: __, ...upload } = staged;
  const { status, stderr } = await asked(connection, staged.id, FINISH, `${JSON.stringify(upload)}\n`);
  if (status !== 0) throw refusedBy(connection, `the record of ${staged.id} cannot be written`, stderr);
}

async function asked(
  connection: Connection,
  id: string,
  script: string,
  input?: string,
): Promise<Answer & { status: number }> {
  const { host, deployTo } = connection;
  const { directory, record } = incomingThere(deployTo, id);
  const names = `tree=${quote(deployTo)}\nplace=${quote(directory)}\nrecord=${quote(record)}\n`;
  const lines = asOwner(connection, `${names}${script}`);
  const answer = await runThere(host, lines, input === undefined ? {} : { input });
  const { status } = answer;
  if (answer.isBegun && status !== null && status !== 255) return { ...answer, status };
  const reason = noAnswer(host, status, answer.stderr);
  throw isRefusal(answer.stderr) ? reason : new BrokenLine(reason);
}

function refusedBy({ host }: Connection, what: string, stderr: string): FailedError {
  return new FailedError(`${host.name}: ${what}`, { host: host.name, output: linesOf(stderr), next: typedSsh(host) });
}

const linesOf = (text: string) => text.trimEnd().split("\n").filter(Boolean).slice(-12);

/** The remote shell failed, the stream broke, something ended the other side, or nothing came for too long. */
const BROKEN = new Set([10, 12, 20, 30, 35, 255]);

async function failureOf(connection: Connection, staged: Staged, { status, stderr }: RsyncEnd): Promise<Error> {
  const { host } = connection;
  if (/No space left on device|Disk quota exceeded/i.test(stderr)) return noRoom(connection, staged);
  const details = { host: host.name, output: linesOf(stderr), next: typedSsh(host) };
  const isBroken = (status === null || BROKEN.has(status)) && !isRefusal(stderr);
  if (isBroken) return new BrokenLine(new FailedError(`the line to ${host.name} broke`, details));
  return new FailedError(`the upload of ${staged.id} to ${host.name} failed: rsync's exit code is ${status}`, details);
}

/** A disk that is full may be what the application that serves needs next: what arrived is removed. */
async function noRoom(connection: Connection, { id, bytes, files }: Staged): Promise<FailedError> {
  const { host, deployTo } = connection;
  const answer = await asked(connection, id, GIVE_BACK).catch(() => undefined);
  const free = answer?.status === 0 ? Number(answer.stdout.trim()) * 1024 : undefined;
  const now = free === undefined ? "" : `; now that what had arrived is removed, ${showBytes(free)} are free`;
  return new FailedError(`no room on ${host.name} for ${id}: ${showBytes(bytes)} in ${files} files${now}`, {
    host: host.name,
    next: [
      `${path.join(suitePath, "ops/release/prune.ts")} --on ${quote(host.name)} --keep 2 --keep-days 0`,
      `${typedSsh(host)} ${quote(`df -h ${quote(deployTo)}; df -i ${quote(deployTo)}`)}`,
    ],
  });
}
