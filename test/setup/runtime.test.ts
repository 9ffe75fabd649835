/** The runtime for a host of another platform: fetched once, checked, never by halves. npm's place is taken by a program that brings what it is told. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { suitePath } from "../../scripts/core/context.ts";
import { runtimeFor } from "../../scripts/setup/runtime.ts";
import { optionalVersion, suiteContents } from "../../scripts/suite/install.ts";
import { makePlace } from "../core/places.ts";

const VERSION = optionalVersion("@oven/bun-linux-aarch64") as string;
let place: string;
let cache: string;
beforeEach(() => {
  place = makePlace();
  cache = path.join(place, "cache");
  vi.stubEnv("XDG_CACHE_HOME", cache);
});
afterEach(() => void vi.unstubAllEnvs());

function npmThat(lines: string): void {
  const bin = path.join(place, "bin");
  fs.mkdirSync(bin, { recursive: true });
  fs.writeFileSync(path.join(bin, "npm"), `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  vi.stubEnv("PATH", `${bin}:/usr/bin:/bin`);
}
const fetch = () => runtimeFor("linux-aarch64", new Map(), () => {});

test("the suite's own is used where the platform is this machine's", () => {
  const { packages } = suiteContents();
  const [name, folder] = [...packages].find(([one]) => one.startsWith("@oven/bun-")) ?? [];
  const platform = name?.replace("@oven/bun-", "") as "linux-x64";
  expect(runtimeFor(platform, packages, () => expect.unreachable())).toBe(folder);
});

test("another one than the lockfile's is refused, and leaves nothing", () => {
  fs.mkdirSync(path.join(place, "package/bin"), { recursive: true });
  fs.writeFileSync(path.join(place, "package/bin/bun"), "somebody else's");
  spawnSync("tar", ["-czf", "other.tgz", "package"], { cwd: place });
  npmThat(`cp ${place}/other.tgz "$4"`);
  expect(fetch).toThrow("is not the one of the lockfile: its checksum differs");
  expect(fs.readdirSync(path.join(cache, "switchback/runtime", VERSION))).toEqual([]);
});

test("without a network it says how to put it there by hand", () => {
  npmThat("echo 'npm error code ENOTFOUND' >&2; exit 1");
  let failure: { message: string; next: string[]; output: string[] } | undefined;
  try {
    fetch();
  } catch (error) {
    failure = error as NonNullable<typeof failure>;
  }
  expect(failure?.message).toBe(
    `the runtime for linux-aarch64 (@oven/bun-linux-aarch64 ${VERSION}) is not here, and could not be fetched`,
  );
  expect(failure?.output).toEqual(["npm error code ENOTFOUND"]);
  const folder = path.join(place, "work");
  fs.mkdirSync(path.join(folder, "package/bin"), { recursive: true });
  fs.writeFileSync(path.join(folder, "package/bin/bun"), "");
  spawnSync("tar", ["-czf", `oven-bun-linux-aarch64-${VERSION}.tgz`, "package"], { cwd: folder });
  expect(spawnSync("sh", ["-euc", failure?.next.at(-1) ?? "false"], { cwd: folder }).status).toBe(0);
  expect(fetch()).toBe(path.join(cache, "switchback/runtime", VERSION, "linux-aarch64"));
});

test("the lockfile has a checksum for every platform that the suite pins", () => {
  const { packages } = JSON.parse(fs.readFileSync(path.join(suitePath, "package-lock.json"), "utf8")) as {
    packages: Record<string, { version: string; integrity?: string }>;
  };
  for (const platform of ["linux-x64", "linux-aarch64", "darwin-x64", "darwin-aarch64"]) {
    const entry = packages[`node_modules/@oven/bun-${platform}`];
    expect(entry?.version).toBe(optionalVersion(`@oven/bun-${platform}`));
    expect(entry?.integrity).toMatch(/^sha512-/);
  }
});
