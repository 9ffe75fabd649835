import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";

/** One file of a sealed release. */
export interface SealedFile {
  /** Relative to the release. */
  path: string;
  /** What the file holds (sha256), or where the link leads (`-> …`). */
  content: string;
  isExecutable: boolean;
  /** A regular file as git has it, untouched by the build: its size in bytes and its time in milliseconds when it was sealed. */
  pristine?: Stamp;
}

export interface Stamp {
  size: number;
  mtime: number;
}

/** A release's list, and the whole list on which it may rest. */
export interface FileList {
  files: Map<string, SealedFile>;
  whole: { place: string; rows: Row[] };
}

type Row = [path: string, content: string, isExecutable: 0 | 1, size?: number, mtime?: number];

/** The file: rows of its own, and, where it rests on a whole list of an earlier release, which rows of that do not hold. */
interface Stored {
  rows: Row[];
  without?: string[];
}

/** The list of a release's files, whose hash is its `tree_sha256`; and the earlier whole list that it may only amend. */
export const LIST = "RELEASE.files.gz";
export const WHOLE = "RELEASE.files.whole.gz";

/** Reads a release's list. @throws Error where it is not there or was damaged. */
export function readList(directory: string): FileList {
  const own = readStored(path.join(directory, LIST));
  if (!own.without) return { files: filesOf(own.rows), whole: { place: path.join(directory, LIST), rows: own.rows } };
  const place = path.join(directory, WHOLE);
  const { rows } = readStored(place);
  const files = filesOf(rows);
  for (const gone of own.without) files.delete(gone);
  for (const [name, file] of filesOf(own.rows)) files.set(name, file);
  return { files, whole: { place, rows } };
}

const readStored = (file: string): Stored => JSON.parse(gunzipSync(fs.readFileSync(file)).toString()) as Stored;

const filesOf = (rows: Row[]) => new Map(rows.map((row) => [row[0], fileOf(row)]));

const fileOf = ([place, content, isExecutable, size, mtime]: Row): SealedFile => ({
  path: place,
  content,
  isExecutable: isExecutable === 1,
  ...(size === undefined || mtime === undefined ? {} : { pristine: { size, mtime } }),
});

const rowOf = ({ path: place, content, isExecutable, pristine }: SealedFile): Row =>
  pristine
    ? [place, content, isExecutable ? 1 : 0, pristine.size, pristine.mtime]
    : [place, content, isExecutable ? 1 : 0];

/**
 * Writes a release's list. Where little differs from the whole list on which its base's rests, only that: hashes do not compress, and
 * fifty lists would take as much room as a small application.
 */
export function writeList(directory: string, files: SealedFile[], base: FileList | undefined): void {
  // What a commit has under these names may be a link that leads out.
  for (const name of [LIST, WHOLE]) fs.rmSync(path.join(directory, name), { recursive: true, force: true });
  const stored = (base && amendment(files, base, directory)) ?? { rows: files.map(rowOf) };
  fs.writeFileSync(path.join(directory, LIST), gzipSync(JSON.stringify(stored), { level: 6 }), { mode: 0o444 });
}

function amendment(files: SealedFile[], { whole }: FileList, directory: string): Stored | undefined {
  const before = new Map(whole.rows.map((row) => [row[0], row]));
  const rows = files.map(rowOf).filter((row) => !isSame(row, before.get(row[0])));
  const names = new Set(files.map((file) => file.path));
  const without = whole.rows.flatMap(([name]) => (names.has(name) ? [] : [name]));
  if ((rows.length + without.length) * 8 > files.length) return undefined;
  try {
    fs.linkSync(whole.place, path.join(directory, WHOLE));
  } catch {
    return undefined;
  }
  return { rows, without };
}

const isSame = (a: Row, b: Row | undefined) =>
  b !== undefined && a.length === b.length && a.every((value, i) => value === b[i]);

/** The hash of a list, `tree_sha256`: over one line of JSON a file, in order of their names: path, content, whether it is executable. */
export function treeHash(files: Iterable<SealedFile>): string {
  const sorted = [...files].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const lines = sorted.map(
    ({ path: place, content, isExecutable }) => `${JSON.stringify([place, content, isExecutable])}\n`,
  );
  return createHash("sha256").update(lines.join("")).digest("hex");
}
