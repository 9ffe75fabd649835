import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import { userName } from "../core/account.ts";
import type { KeptCall } from "./kept-call.ts";

// It is no script of the suite: it must outlive even a suite that is taken away, and a full disk. The one whose rename takes `slot`
// away is the keeper; the command gets the pipe on no descriptor, for a service that it starts would hold it open.
const KEEPER = `trap : HUP INT TERM
dir=$1; cd "$2" || exit; shift 2
[ -p "$dir/alive" ] || mkfifo -m 600 "$dir/followed" "$dir/alive"
exec 9<>"$dir/alive"
mv "$dir/slot" "$dir/begun" 2>/dev/null || exit 0
sh -c 'mv "$0/begun" "$0/pid-$$"; exec "$@"' "$dir" "$@" 9>&- </dev/null >>"$dir/out" 2>>"$dir/err"
code=$?
for name in "$dir"/pid-* "$dir/begun"; do [ ! -e "$name" ] || { mv "$name" "$dir/exit-$code"; break; }; done
sync "$dir/out" "$dir/err" "$dir" 2>/dev/null`;

/** Starts the keeper of a call, in a session of its own: it runs the command, and leaves its exit code as a name. */
export function startKeeper(
  call: KeptCall,
  words: string[],
  { env, outside }: { env: NodeJS.ProcessEnv; outside: string[] },
): void {
  const all = [...outside, "sh", "-c", KEEPER, "switchback-call", call.folder, call.paths.deployTo, ...words];
  const child = spawn(all[0] as string, all.slice(1), { detached: true, stdio: "ignore", env });
  // It is seen by who waits for it, and tried another way.
  child.on("error", () => undefined);
  child.unref();
}

/** Words before a command that let it outlive the login; or why nothing here does, where logind ends what a login leaves behind. */
export function outsideLogin(): { words: string[]; whyNot?: string } {
  if (!isEndedWithLogin()) return { words: [] };
  const scope = ["--scope", "--quiet", "--collect", "--"];
  if (process.geteuid?.() === 0) return { words: ["systemd-run", ...scope] };
  if (fs.existsSync(`/var/lib/systemd/linger/${userName()}`)) return { words: ["systemd-run", "--user", ...scope] };
  const whyNot = `this host ends what a login leaves behind (KillUserProcesses=yes): a lost connection would interrupt this; sudo loginctl enable-linger ${userName()}`;
  return { words: [], whyNot };
}

const LOGIND = ["org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"];

function isEndedWithLogin(): boolean {
  if (os.platform() !== "linux") return false;
  if (!/\/session-[^/]*\.scope/.test(fs.readFileSync("/proc/self/cgroup", "utf8"))) return false;
  const { stdout } = spawnSync("busctl", ["get-property", ...LOGIND, "KillUserProcesses"], { encoding: "utf8" });
  return stdout?.trim() === "b true";
}
