import { FailedError, UsageError } from "../core/errors.ts";
import { quote } from "../core/step.ts";
import type { Host, LoadedManifest } from "../manifest/loaded.ts";
import { suiteVersion } from "../suite/install.ts";
import { compareVersions } from "../suite/versions.ts";
import { reporter } from "../terminal/reporter.ts";
import { type Answer, runThere, typedSsh } from "./ssh.ts";
import { noAnswer } from "./unreachable.ts";

/** Platforms that the pinned runtime is there for, as its packages are named. */
export type Platform = "linux-x64" | "linux-aarch64" | "darwin-x64" | "darwin-aarch64";

/** A host that answered, and what it is. */
export interface Connection {
  host: Host;
  /** The tree there, absolute: `~` is the account's home on that host. */
  deployTo: string;
  platform: Platform;
  /** Its own name for itself. */
  hostname: string;
  /** What tells one running Linux, or one container of it, from all others; undefined: nothing is known of that. */
  machine?: string | undefined;
  hasRsync: boolean;
  /** The tree is there. */
  hasTree: boolean;
  /** Versions of the suite in the tree. */
  suites: string[];
  /** The account that the tree belongs to, where ssh logs in as root and it is another one's; else undefined. */
  owner?: string | undefined;
  /** The release that `current` names. */
  currentId: string | undefined;
}

const PLATFORMS: Record<string, Platform> = {
  "Linux x86_64": "linux-x64",
  "Linux amd64": "linux-x64",
  "Linux aarch64": "linux-aarch64",
  "Linux arm64": "linux-aarch64",
  "Darwin x86_64": "darwin-x64",
  "Darwin arm64": "darwin-aarch64",
};

/** Seconds by which a host's clock may differ before it is said: ids and records bear its times. */
export const SKEW = 60;

const LOOK = `case $d in
"~") d=$HOME ;;
"~/"*) d=$HOME/\${d#"~/"} ;;
esac
say() { printf "%s=%s\\0" "$1" "$2"; }
say deployTo "$d"
say platform "$(uname -sm)"
say hostname "$(uname -n)"
say now "$(date +%s)"
[ ! -r /proc/sys/kernel/random/boot_id ] || say machine "$(cat /proc/sys/kernel/random/boot_id) $(readlink /proc/self/ns/mnt)"
if getconf GNU_LIBC_VERSION >/dev/null 2>&1 || [ -e /lib64/ld-linux-x86-64.so.2 ] || [ -e /lib/ld-linux-aarch64.so.1 ]; then say libc glibc
else for f in /lib/ld-musl-*; do [ ! -e "$f" ] || say libc musl; done
fi
! command -v rsync >/dev/null 2>&1 || say rsync yes
[ ! -d "$d" ] || [ "$(id -u)" != 0 ] || say owner "$(stat -c %U "$d" 2>/dev/null || stat -f %Su "$d")"
[ ! -d "$d/releases" ] || say tree yes
[ ! -L "$d/current" ] || say current "$(readlink "$d/current")"
for f in "$d"/suite/*/package.json; do
  [ ! -e "$f" ] || { f=\${f%/package.json}; say suite "\${f##*/}"; }
done
say end yes
`;

/** Looks at a host by one script. @throws UnreachableError, and FailedError for a platform that has no runtime. */
export async function connect(loaded: LoadedManifest, host: Host): Promise<Connection> {
  const written = loaded.manifest.deploy_to;
  if (!/^(?:\/|~$|~\/)/.test(written))
    throw new UsageError(
      `deploy_to: ${written} means nothing on ${host.name}; wanted an absolute path, or one that begins with ~/`,
    );
  const answer = await looked(host, `d=${quote(written)}\n${LOOK}`);
  const found = answer.stdout.split("\0").map((line) => line.split(/=([^]*)/, 2) as [string, string?]);
  const of = (name: string) => found.find(([one]) => one === name)?.[1];
  if (!answer.isBegun || of("end") === undefined) throw noAnswer(host, answer.status, answer.stderr);
  const current = of("current");
  const suites = found.flatMap(([name, value = ""]) => (name === "suite" ? [value] : []));
  warnOfClock(host, Number(of("now")));
  warnOfNewer(host, suites);
  return {
    host,
    deployTo: (of("deployTo") ?? "").replace(/(?<=.)\/+$/, ""),
    platform: platformOf(host, of("platform") ?? "", of("libc")),
    hostname: of("hostname") ?? host.name,
    machine: of("machine"),
    hasRsync: of("rsync") !== undefined,
    hasTree: of("tree") !== undefined,
    owner: of("owner") === "root" ? undefined : of("owner"),
    suites,
    currentId: current?.replace(/\/+$/, "").replace(/^.*\//, ""),
  };
}

/** A shared connection that had died unnoticed fails at its next use, and a second try makes a new one. */
async function looked(host: Host, script: string): Promise<Answer> {
  const answer = await runThere(host, script);
  const isStale = answer.status === 255 && /mux_client|control socket|master/i.test(answer.stderr);
  return isStale && !answer.isBegun ? runThere(host, script) : answer;
}

function platformOf(host: Host, system: string, libc: string | undefined): Platform {
  const platform = PLATFORMS[system];
  const wanted = "wanted Linux with glibc or macOS, on x86-64 or arm64";
  const next = `${typedSsh(host)} uname -a`;
  if (!platform)
    throw new FailedError(`${host.name} is ${system}, and there is no runtime for it: ${wanted}`, {
      next,
      host: host.name,
    });
  if (platform.startsWith("linux") && libc !== "glibc")
    throw new FailedError(
      `${host.name} is a Linux ${libc === "musl" ? "with musl" : "without glibc"}, and there is no runtime for it: ${wanted}`,
      { next, host: host.name },
    );
  return platform;
}

/** A version of the suite there that is newer than the one that runs here; undefined: there is none. */
export const newerThere = (suites: readonly string[]): string | undefined => {
  const newest = suites.toSorted(compareVersions).at(-1);
  return newest !== undefined && compareVersions(newest, suiteVersion()) > 0 ? newest : undefined;
};

/** Its records can be read and written all the same: what a version adds to them, an older one leaves alone. */
function warnOfNewer(host: Host, suites: string[]): void {
  const newer = newerThere(suites);
  if (newer === undefined) return;
  const own = suiteVersion();
  reporter().warn(
    `${host.name} has the suite ${newer}, and this is ${own}: what is given from here runs there as ${own}, the host's own jobs as ${newer}`,
  );
}

function warnOfClock(host: Host, now: number): void {
  const skew = Math.round(now - Date.now() / 1000);
  if (Number.isNaN(skew) || Math.abs(skew) <= SKEW) return;
  const how = skew > 0 ? "ahead of" : "behind";
  reporter().warn(
    `the clock of ${host.name} is ${Math.abs(skew)} s ${how} this one: ids and records there bear its time`,
  );
}
