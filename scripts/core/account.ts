import { spawnSync } from "node:child_process";
import fs from "node:fs";

export interface Account {
  name: string;
  home: string;
  shell: string;
}

/**
 * A user of this host, by number. Read from the password file, because the runtime's own `userInfo()` answers from $USER and
 * $HOME, which cron leaves out; where accounts live elsewhere (macOS, LDAP) only the name is known, from id(1).
 */
export function accountOf(uid: number): Account | undefined {
  const lines = fs.readFileSync("/etc/passwd", "utf8").split("\n");
  const [name, , , , , home, shell] =
    lines.map((line) => line.split(":")).find((fields) => fields[2] === String(uid)) ?? [];
  if (name) return { name, home: home || "/", shell: shell || "/bin/sh" };
  const asked = spawnSync("id", ["-un", String(uid)], { encoding: "utf8" });
  if (asked.status !== 0) return undefined;
  const known = asked.stdout.trim();
  return { name: known, home: homeOf(uid, known), shell: "/bin/sh" };
}

/** Under sudo on a Mac $HOME is root's: the shell knows the others. */
function homeOf(uid: number, name: string): string {
  if (uid === process.getuid?.() && process.env["HOME"]) return process.env["HOME"];
  const { stdout } = spawnSync("sh", ["-c", 'eval echo "~$0"', name], { encoding: "utf8" });
  return stdout.startsWith("/") ? stdout.trim() : "/";
}

/** Name of the user that runs; its number where it has no name. */
export const userName = () => accountOf(process.geteuid?.() ?? 0)?.name ?? String(process.geteuid?.() ?? "");
