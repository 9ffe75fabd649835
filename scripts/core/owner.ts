import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { UsageError } from "./errors.ts";
import { quote } from "./step.ts";

/**
 * Becomes the tree's owner, as which every operation runs (SPEC section 3): under sudo, root steps down; anybody else is
 * told what to type. A tree that does not exist yet belongs to whoever makes it.
 */
export function becomeOwner(deployTo: string): void {
  const owner = fs.statSync(deployTo, { throwIfNoEntry: false });
  const me = process.geteuid?.();
  if (!owner || me === undefined || owner.uid === me) return;
  const name = userOf(owner.uid);
  if (me !== 0)
    throw new UsageError(`${deployTo} belongs to ${name?.name ?? `user ${owner.uid}`}, and you are ${os.userInfo().username}`, {
      next: `sudo -u ${name?.name ?? `'#${owner.uid}'`} ${process.argv.slice(1).map(quote).join(" ")}`,
    });
  stepDown(owner.uid, owner.gid, name);
}

function stepDown(uid: number, gid: number, user: { name: string; home: string } | undefined): void {
  if (user) (process as { initgroups?: (user: string, group: number) => void }).initgroups?.(user.name, gid);
  else process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  process.env["HOME"] = user?.home ?? "/";
  process.env["USER"] = process.env["LOGNAME"] = user?.name ?? String(uid);
  if (!canEnter(process.cwd())) process.chdir("/");
}

function canEnter(directory: string): boolean {
  try {
    fs.accessSync(directory, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

// Node gives the name of the running user only; the others are in the password file.
function userOf(uid: number): { name: string; home: string } | undefined {
  const lines = fs.readFileSync("/etc/passwd", "utf8").split("\n");
  const fields = lines.map((line) => line.split(":")).find((field) => field[2] === String(uid));
  return fields?.[0] ? { name: fields[0], home: fields[5] || path.sep } : undefined;
}
