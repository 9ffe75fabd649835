import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { userName } from "../core/account.ts";
import { syncDirectory, syncFileSystem, writeDurably } from "../core/durable.ts";
import { hashFile } from "../core/hash-file.ts";
import { BUILDING, type Paths, releasePath } from "../core/paths.ts";
import { stamp } from "../registry/releases.ts";

/** What `.building` holds while a release is made. */
export interface BuildMark {
  id: string;
  sha: string;
  ref: string;
  dirty: boolean;
  /** Dependency sets by name: the key of each. */
  deps: Record<string, string>;
  /** Build steps by name: the key of what each was made from. */
  steps: Record<string, string>;
  /** The release whose unchanged files this one shares. */
  base?: string;
  /** Nothing of the build writes into the release but the source and what is taken from others: files may be shared at once. */
  isQuiet: boolean;
}

/** One file of a sealed release. */
export interface SealedFile {
  /** Relative to the release. */
  path: string;
  /** What the file holds (sha256), or where the link leads. */
  content: string;
  isExecutable: boolean;
}

/** Not part of what was built: the seal itself, and the mark that it removes. */
const OWN = new Set(["RELEASE.json", "RELEASE.files", BUILDING]);

/** The list of a release's files, whose hash is its `tree_sha256`: by it `verify` names what changed. */
export const filesPath = (directory: string) => path.join(directory, "RELEASE.files");

/**
 * Makes a built release count: durable by one sync of its file system, then RELEASE.json by rename, then the mark goes.
 * A crash at any moment leaves a release with its mark, or a complete one (RELIABILITY: content before the swap).
 */
export function applySeal(paths: Paths, id: string, now = new Date()): void {
  const directory = releasePath(paths, id);
  const mark = JSON.parse(fs.readFileSync(path.join(directory, BUILDING), "utf8")) as BuildMark;
  const { files, bytes } = readTree(directory);
  const list = renderFiles(files);
  fs.writeFileSync(filesPath(directory), list);
  const release = {
    id: mark.id,
    sha: mark.sha,
    built_at: stamp(now),
    ref: mark.ref,
    built_by: userName(),
    build_host: os.hostname(),
    dirty: mark.dirty,
    migration_marker: null,
    deps: mark.deps,
    steps: mark.steps,
    files: files.length,
    bytes,
    tree_sha256: createHash("sha256").update(list).digest("hex"),
  };
  syncFileSystem(directory);
  writeDurably(path.join(directory, "RELEASE.json"), `${JSON.stringify(release, null, 2)}\n`, 0o644);
  fs.unlinkSync(path.join(directory, BUILDING));
  syncDirectory(directory);
}

/** Reads a whole release: its files in order of their names, and their bytes. */
export function readTree(directory: string): { files: SealedFile[]; bytes: number } {
  const files: SealedFile[] = [];
  let bytes = 0;
  const walk = (relative: string) => {
    for (const entry of fs.readdirSync(path.join(directory, relative), { withFileTypes: true })) {
      const place = relative ? `${relative}/${entry.name}` : entry.name;
      if (OWN.has(place)) continue;
      if (entry.isDirectory()) walk(place);
      else if (entry.isSymbolicLink())
        files.push({ path: place, content: `-> ${fs.readlinkSync(path.join(directory, place))}`, isExecutable: false });
      else if (entry.isFile()) bytes += add(files, directory, place);
    }
  };
  walk("");
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files, bytes };
}

function add(files: SealedFile[], directory: string, place: string): number {
  const file = path.join(directory, place);
  const { mode, size } = fs.statSync(file);
  files.push({ path: place, content: hashFile(file), isExecutable: (mode & 0o100) !== 0 });
  return size;
}

/** `RELEASE.files`: one JSON array a line: path, content, whether it is executable. */
const renderFiles = (files: SealedFile[]) =>
  files.map(({ path: place, content, isExecutable }) => `${JSON.stringify([place, content, isExecutable])}\n`).join("");
