import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { suitePath } from "../core/context.ts";
import type { Platform } from "../remote/connection.ts";
import { suiteContents } from "../suite/install.ts";
import { runtimeFor, runtimePackage } from "./runtime.ts";

/** The suite as a host needs it: a folder of links to files of this machine. */
export interface Bundle {
  version: string;
  /** Absolute. */
  folder: string;
  /** How many files the links lead to, and what all of them take. */
  size: { files: number; bytes: number };
  remove(): void;
}

/** Gathers the suite that runs, the packages that it needs, and the runtime of a host's platform. */
export function gather(platform: Platform, onFetch: () => void): Bundle {
  const { version, files, packages } = suiteContents();
  const runtime = runtimeFor(platform, packages, onFetch);
  const needed = [...packages].filter(([name]) => !name.startsWith("@oven/bun-"));
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-suite-"));
  const links: [string, string][] = [
    ...files.map((file): [string, string] => [file, path.join(suitePath, file)]),
    ...[...needed, [runtimePackage(platform), runtime] as const].map(([name, place]): [string, string] => [
      path.join("node_modules", name),
      place,
    ]),
  ];
  for (const [name, target] of links) {
    fs.mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
    fs.symlinkSync(target, path.join(folder, name));
  }
  const sizes = links.flatMap(([, target]) => sizesOf(target));
  const size = { files: sizes.length, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) };
  return { version, folder, size, remove: () => fs.rmSync(folder, { recursive: true, force: true }) };
}

/** Bytes of each file in a folder, or of the file. */
function sizesOf(place: string): number[] {
  const stat = fs.statSync(place);
  if (!stat.isDirectory()) return [stat.size];
  return fs.readdirSync(place).flatMap((name) => sizesOf(path.join(place, name)));
}
