import { FailedError, InterruptedError } from "../core/errors.ts";
import { rsyncPath } from "../remote/as-owner.ts";
import type { Connection } from "../remote/connection.ts";
import { rshOf, typedSsh } from "../remote/ssh.ts";
import { readProgress, runRsync, type Sent, wireBytes } from "../upload/rsync.ts";

/** In the folder of a file whose sending was interrupted: what had arrived of it. */
export const PARTIAL = ".partial";

// What the links of a bundle lead to; times are the copy's own, because a checkout, npm and a cache each give a file another one.
const SAME = ["--recursive", "--copy-links", "--checksum", "--delete", "--compress", "--protect-args", "--timeout=120"];
const TOLD = ["--info=progress2", "--stats", "--outbuf=N"];
/** rsync takes no more folders to compare with. */
const MOST_LIKE = 20;

export interface CopyOptions {
  like: string[];
  /** Of all that is copied: rsync itself learns it on its way. */
  size: { files: number; bytes: number };
  onProgress?: ((sent: Sent) => void) | undefined;
  /** Stops it; what has arrived stays for the next one. */
  signal: AbortSignal;
}

/**
 * Makes a folder on a host what a folder here is, by rsync over ssh; files that `like` has there, absolute folders, are linked to in
 * place of being sent. Answers with the bytes on the wire.
 */
export async function copyThere(
  connection: Connection,
  from: string,
  to: string,
  { like, size, onProgress, signal }: CopyOptions,
): Promise<number> {
  const links = like.slice(0, MOST_LIKE).map((folder) => `--link-dest=${folder}`);
  const words = [...SAME, ...TOLD, `--partial-dir=${PARTIAL}`, ...links];
  const onLine = (line: string) => {
    const sent = readProgress(line, like.length > 0, size);
    if (sent) onProgress?.(sent);
  };
  return wireBytes(await rsync(connection, [...words, `${from}/`, to], { onLine, signal }));
}

/** Whether a folder on a host holds the same names and contents as one here; only checksums go over the wire. */
export async function isSameThere(
  connection: Connection,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<boolean> {
  const words = [...SAME, "--dry-run", "--itemize-changes", `${from}/`, to];
  return (await rsync(connection, words, { onLine: () => {}, signal })).trim() === "";
}

/** Runs rsync; the last of its words is an absolute folder there. Answers with what it printed. */
async function rsync(
  connection: Connection,
  words: string[],
  { onLine, signal }: { onLine: (line: string) => void; signal: AbortSignal },
): Promise<string> {
  const { host } = connection;
  const interrupted = `${host.name}: interrupted; the next setup goes on with what has arrived`;
  if (signal.aborted) throw new InterruptedError(interrupted);
  const options = ["--rsh", rshOf(host), ...rsyncPath(connection), ...words.slice(0, -1)];
  const { status, stdout, stderr } = await runRsync(
    [...options, `${host.destination}:${words.at(-1)}/`],
    signal,
    onLine,
  );
  if (status === 0) return stdout;
  // 20: a signal ended it, see rsync(1).
  if (signal.aborted || status === 20 || status === null) throw new InterruptedError(interrupted);
  throw new FailedError(`${host.name}: the suite could not be copied: rsync's exit code is ${status}`, {
    host: host.name,
    output: stderr.trimEnd().split("\n").slice(-12),
    next: typedSsh(host),
  });
}
