import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { syncFileSystem, writeDurably } from "../core/durable.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import { stamp } from "../registry/releases.ts";
import { COMPLETE } from "./facts.ts";
import { isSetKey } from "./key.ts";

/** What a set's `.complete` says. */
export interface SetSeal {
  key: string;
  made_at: string;
  /** Of its files, as `ls` shows them. */
  bytes: number;
  /** Files, directories and links: what it takes of the file system's inodes. */
  files: number;
}

/**
 * Makes a set count: its `path` is there, it is durable, then `.complete` by one rename.
 * @throws FailedError when `run` ended well and did not make `path`.
 */
export function applySetSeal({ manifest, paths }: Context, { name, key }: { name: string; key: string }): void {
  const dependency = Object.hasOwn(manifest.dependencies, name) ? manifest.dependencies[name] : undefined;
  if (!dependency || !isSetKey(key)) throw new UsageError(`there is no dependency set ${name} ${key}`);
  const directory = path.join(paths.deps, name, key);
  if (!fs.existsSync(path.join(directory, dependency.path)))
    throw new FailedError(`dependencies.${name}: its run ended without an error, and made no ${dependency.path}`, {
      next: `let run make ${path.join(directory, dependency.path)}: it starts in ${path.join(directory, dependency.dir)}`,
    });
  const seal: SetSeal = { key, made_at: stamp(new Date()), ...sizeOf(directory) };
  syncFileSystem(directory);
  writeDurably(path.join(directory, COMPLETE), `${JSON.stringify(seal)}\n`, 0o644);
}

function sizeOf(directory: string): { bytes: number; files: number } {
  let [bytes, files] = [0, 1];
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const place = path.join(directory, entry.name);
    const below = entry.isDirectory()
      ? sizeOf(place)
      : { bytes: entry.isFile() ? fs.lstatSync(place).size : 0, files: 1 };
    bytes += below.bytes;
    files += below.files;
  }
  return { bytes, files };
}
