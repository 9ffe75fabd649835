import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import os from "node:os";
import type { Dependency } from "../../manifest.schema.ts";

/** All that decides what a dependency set holds. */
export interface SetKeyParts {
  dependency: Pick<Dependency, "path" | "dir" | "run" | "env">;
  /** Place → git's id of what the file holds. */
  files: [place: string, id: string][];
  /** Real path of each tool in `needs`, and what its `--version` prints. */
  tools: string[][];
  platform: string[];
}

/** The key of a dependency set: 16 hex digits of a sha256; its directory's name. */
export function setKey({ dependency, files, tools, platform }: SetKeyParts): string {
  const { path, dir, run, env } = dependency;
  const sorted = <T extends string[]>(rows: T[]) => rows.toSorted((a, b) => (a.join("\0") < b.join("\0") ? -1 : 1));
  const text = JSON.stringify({
    format: 1,
    path,
    dir,
    run,
    env: sorted(Object.entries(env)),
    files: sorted(files),
    tools: sorted(tools),
    platform,
  });
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** What a release's `deps` and a directory's name have for a key, and nothing else has. */
export const isSetKey = (text: string) => /^[0-9a-f]{16}$/.test(text);

let here: string[] | undefined;

/** The machine that a set is made for: system, processor, and the C library that compiled packages are bound to. */
export function platformHere(): string[] {
  here ??= [process.platform, process.arch, process.platform === "linux" ? libraryHere() : os.release()];
  return here;
}

// Alpine's musl has no such variable.
const libraryHere = () => spawnSync("getconf", ["GNU_LIBC_VERSION"], { encoding: "utf8" }).stdout?.trim() || "other";
