import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { suitePath } from "../core/context.ts";
import { FailedError } from "../core/errors.ts";
import { command } from "../core/step.ts";
import type { Platform } from "../remote/connection.ts";
import { optionalVersion } from "../suite/install.ts";
import { accountOf } from "../core/account.ts";

/** The package that holds the pinned runtime of a platform. */
export const runtimePackage = (platform: Platform) => `@oven/bun-${platform}`;

/** What a package's fetching needs to know. */
interface Wanted {
  name: string;
  version: string;
  platform: Platform;
  /** Of npm's lockfile: `sha512-…`; absent: npm checks it against the registry alone. */
  integrity: string | undefined;
}

/**
 * The folder of the runtime for a host's platform: the suite's own, else one that npm fetches once, by the suite's version and the
 * lockfile's checksum, into `$XDG_CACHE_HOME/switchback/runtime/<version>/<platform>`.
 * @throws FailedError that says how to put it there by hand.
 */
export function runtimeFor(platform: Platform, packages: ReadonlyMap<string, string>, onFetch: () => void): string {
  const own = packages.get(runtimePackage(platform));
  const wanted = wantedOf(platform);
  if (own !== undefined && hasBinary(own)) return own;
  const place = path.join(cacheFolder(process.env), "runtime", wanted.version, platform);
  if (hasBinary(place)) return place;
  onFetch();
  fetchRuntime(wanted, place);
  return place;
}

const hasBinary = (folder: string) => fs.existsSync(path.join(folder, "bin/bun"));

function wantedOf(platform: Platform): Wanted {
  const name = runtimePackage(platform);
  const version = optionalVersion(name);
  if (version === undefined) throw new FailedError(`${suitePath}/package.json pins no ${name}`);
  return { name, version, platform, integrity: lockedIntegrity(name, version, suitePath) };
}

/** Where the suite keeps what it can fetch or work out again. */
function cacheFolder({ XDG_CACHE_HOME, HOME }: NodeJS.ProcessEnv): string {
  const home = HOME ?? accountOf(process.geteuid?.() ?? 0)?.home ?? "/";
  return path.join(
    XDG_CACHE_HOME && path.isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : path.join(home, ".cache"),
    "switchback",
  );
}

/** What npm's lockfile beside the suite, or of the application that depends on it, says of a package for any platform. */
function lockedIntegrity(name: string, version: string, from: string): string | undefined {
  const file = path.join(from, "package-lock.json");
  const locked = fs.existsSync(file) ? lockedPackages(file) : {};
  const found = Object.entries(locked).find(
    ([place, entry]) => place.endsWith(`node_modules/${name}`) && entry.version === version,
  );
  if (found?.[1].integrity !== undefined) return found[1].integrity;
  return from === path.dirname(from) ? undefined : lockedIntegrity(name, version, path.dirname(from));
}

function lockedPackages(file: string): Record<string, { version?: string; integrity?: string }> {
  try {
    const { packages = {} } = JSON.parse(fs.readFileSync(file, "utf8")) as {
      packages?: ReturnType<typeof lockedPackages>;
    };
    return packages;
  } catch {
    return {};
  }
}

/** npm alone knows the registry, proxy and certificates of this machine. */
function fetchRuntime(wanted: Wanted, place: string): void {
  const { name, version, integrity } = wanted;
  fs.mkdirSync(path.dirname(place), { recursive: true, mode: 0o700 });
  const folder = fs.mkdtempSync(`${place}.new-`);
  try {
    must(wanted, place, "npm", ["pack", `${name}@${version}`, "--pack-destination", folder, "--loglevel=error"]);
    const archive = fs.readdirSync(folder).find((file) => file.endsWith(".tgz"));
    if (archive === undefined) throw failure(wanted, place, ["npm pack left no archive"]);
    const file = path.join(folder, archive);
    if (integrity !== undefined && !isIntact(file, integrity))
      throw new FailedError(
        `${name}@${version} as npm brought it is not the one of the lockfile: its checksum differs`,
        {
          next: command("npm", "view", `${name}@${version}`, "dist"),
        },
      );
    must(wanted, place, "tar", ["-xzf", file, "-C", folder]);
    // Somebody else may have fetched it meanwhile.
    if (hasBinary(place)) return;
    fs.rmSync(place, { recursive: true, force: true });
    fs.renameSync(path.join(folder, "package"), place);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** By the strongest of the checksums that Subresource Integrity lists. */
function isIntact(file: string, integrity: string): boolean {
  const [strongest = ""] = integrity.split(/\s+/).toSorted().toReversed();
  const [, algorithm = "sha512", digest] = /^(sha\d+)-([^?]+)/.exec(strongest) ?? [];
  return createHash(algorithm).update(fs.readFileSync(file)).digest("base64") === digest;
}

function must(wanted: Wanted, place: string, program: string, words: string[]): void {
  const { status, error, stderr } = spawnSync(program, words, {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status !== 0) throw failure(wanted, place, error ? [error.message] : stderr.trimEnd().split("\n").slice(0, 4));
}

function failure({ name, version, platform }: Wanted, place: string, output: string[]): FailedError {
  return new FailedError(`the runtime for ${platform} (${name} ${version}) is not here, and could not be fetched`, {
    output,
    next: [
      "# with a network, or on a machine that has one and npm:",
      command("npm", "pack", `${name}@${version}`),
      `${command("mkdir", "-p", place)} && ${command("tar", "-xzf", `oven-bun-${platform}-${version}.tgz`, "-C", place, "--strip-components=1")}`,
    ],
  });
}
