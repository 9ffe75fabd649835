import fs from "node:fs";
import { type Account, accountOf, userName } from "./account.ts";
import { UsageError } from "./errors.ts";
import { quote } from "./step.ts";
import { canEnter } from "./access.ts";

/**
 * Becomes the tree's owner, as which every operation runs (SPEC section 3): under sudo, root steps down; anybody else is
 * told what to type. A tree that does not exist yet belongs to whoever makes it.
 */
export function becomeOwner(deployTo: string): void {
  const owner = fs.statSync(deployTo, { throwIfNoEntry: false });
  const me = process.geteuid?.();
  if (!owner || me === undefined || owner.uid === me) return;
  const account = accountOf(owner.uid);
  if (me !== 0)
    throw new UsageError(`${deployTo} belongs to ${account?.name ?? `user ${owner.uid}`}, and you are ${userName()}`, {
      next: `sudo -u ${account?.name ?? `'#${owner.uid}'`} ${process.argv.slice(1).map(quote).join(" ")}`,
    });
  stepDown(owner.uid, owner.gid, account);
}

/** The user id of a tree's owner; before there is a tree, one's own. */
export const ownerOf = (deployTo: string): number =>
  fs.statSync(deployTo, { throwIfNoEntry: false })?.uid ?? process.geteuid?.() ?? 0;

/** What root made in a tree of somebody else's becomes the owner's: the records of a command that had to stay root. */
export function giveToOwner(deployTo: string, places: readonly (string | undefined)[]): void {
  const owner = fs.statSync(deployTo, { throwIfNoEntry: false });
  if (process.geteuid?.() !== 0 || !owner || owner.uid === 0) return;
  for (const place of places)
    if (place !== undefined && fs.lstatSync(place, { throwIfNoEntry: false })?.uid === 0)
      fs.lchownSync(place, owner.uid, owner.gid);
}

function stepDown(uid: number, gid: number, user: Account | undefined): void {
  if (user) (process as { initgroups?: (user: string, group: number) => void }).initgroups?.(user.name, gid);
  else process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  process.env["HOME"] = user?.home ?? "/";
  process.env["USER"] = process.env["LOGNAME"] = user?.name ?? String(uid);
  if (!canEnter(process.cwd())) process.chdir("/");
}
