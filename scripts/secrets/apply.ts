import fs from "node:fs";
import path from "node:path";
import { standing, writeDurably } from "../core/durable.ts";
import { EXIT, FailedError } from "../core/errors.ts";
import { acquireLock, releaseLock } from "../core/lock.ts";
import type { Paths } from "../core/paths.ts";
import { quote } from "../core/step.ts";
import { openDatabase } from "../registry/database.ts";
import { Journal, operationId } from "../registry/journal.ts";
import { type FileState, hmacOf, type LookMessage, type LookState, type WriteState } from "./message.ts";
import type { Secret } from "./secret.ts";

/** A secret with its place. */
export interface Placed {
  /** Its name in `shared/`. */
  shared: string;
  /** Permission bits. */
  mode: number;
  secret: Secret;
}

/** A file that is asked about: compared only where a secret is given. */
export type Asked = Omit<Placed, "secret"> & Partial<Pick<Placed, "secret">>;

/** How files stand in this tree; reads, and changes nothing. */
export const lookAt = (paths: Paths, { files, salt }: Pick<LookMessage, "files" | "salt">): FileState<LookState>[] =>
  files.map(({ shared, mode, hmac }) => {
    const place = placeOf(paths, shared);
    const now = contentOf(place);
    if (now === undefined) return { shared, state: "missing" };
    if (hmac === undefined) return { shared, state: "there" };
    return { shared, state: hmacOf(now, salt) === hmac && hasMode(place, mode) ? "unchanged" : "changed" };
  });

/**
 * Writes secrets into `shared/`. Under the lock: a switch at work starts a release with one content, and may have to bring the
 * release before it back with the same one. What an earlier operation left half done has no part in these files, and waits.
 * @throws BusyError when another operation is at work.
 */
export function writeUnderLock(paths: Paths, files: Placed[]): FileState<WriteState>[] {
  fs.mkdirSync(paths.shared, { recursive: true });
  acquireLock(paths.lock, () => `${paths.lock} is held`);
  try {
    const states = writeFiles(paths, files);
    const written = states.filter(({ state }) => state !== "unchanged");
    if (written.length > 0) record(paths, written);
    return states;
  } finally {
    releaseLock();
  }
}

/** Writes them, each by one rename; the caller holds the lock. */
export function writeFiles(paths: Paths, files: Placed[]): FileState<WriteState>[] {
  for (const { shared } of files) contentOf(placeOf(paths, shared));
  return files.map((file) => ({ shared: file.shared, state: writeOne(placeOf(paths, file.shared), file) }));
}

function writeOne(place: string, { mode, secret }: Placed): WriteState {
  const now = contentOf(place);
  if (now?.equals(secret.reveal()) && hasMode(place, mode)) return "unchanged";
  fs.mkdirSync(path.dirname(place), { recursive: true });
  removeUnfinished(place);
  writeDurably(place, secret.reveal(), mode);
  return now === undefined ? "created" : "changed";
}

/** What a kill left of an earlier write holds a secret, and nobody else looks for it. */
function removeUnfinished(place: string): void {
  const prefix = `${path.basename(place)}.new-`;
  for (const name of fs.readdirSync(path.dirname(place)))
    if (name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
      fs.rmSync(path.join(path.dirname(place), name));
}

/** The operation among the tree's others: which files, and nothing of what they hold. */
function record(paths: Paths, written: FileState<WriteState>[]): void {
  const database = openDatabase(paths.registry);
  try {
    const journal = new Journal(database, operationId("secrets"));
    journal.begin("secrets", [JSON.stringify({ files: written.map(({ shared }) => shared) })]);
    journal.finish("done", EXIT.done, written.map(({ shared, state }) => `${shared} ${state}`).join(", "));
  } finally {
    database.close();
  }
}

/** Absolute. @throws FailedError for a name that leads out of `shared/`. */
function placeOf({ shared }: Paths, name: string): string {
  const place = path.join(shared, name);
  if (place.startsWith(`${shared}${path.sep}`)) return place;
  throw new FailedError(`${name} is no name in ${shared}`);
}

/** Undefined: nothing is there. A link counts as what it leads to; written, it gives way to a file of its own. */
function contentOf(place: string): Buffer | undefined {
  const stat = fs.statSync(place, { throwIfNoEntry: false });
  if (!stat) return undefined;
  if (stat.isFile()) return fs.readFileSync(place);
  throw new FailedError(`${place} is no file, and a secret is to be there`, {
    next: `mv ${quote(place)} ${quote(`${place}.was-there`)}`,
  });
}

/** The mode of what a link leads to is not ours. */
function hasMode(place: string, mode: number): boolean {
  const stat = standing(place);
  return stat?.isSymbolicLink() === true || ((stat?.mode ?? 0) & 0o777) === mode;
}
