import { quote } from "../core/step.ts";
import type { Connection } from "./connection.ts";

type There = Pick<Connection, "owner" | "platform">;

const wordsFor = (owner: string, { platform }: There) =>
  platform.startsWith("darwin") ? `sudo -n -u ${quote(owner)}` : `runuser -u ${quote(owner)}`;

/**
 * A script as the tree's owner runs it, where ssh logs in as root: what lies in the tree is the owner's, and root writes to no place
 * that its owner may have made a link to another one. Root's home, in which a login begins, is closed to them.
 */
export const asOwner = (there: There, script: string): string =>
  there.owner === undefined ? script : `cd / && exec ${wordsFor(there.owner, there)} -- sh -c ${quote(script)}`;

/** Likewise for rsync: its words that name the program there. */
export const rsyncPath = (there: There): string[] =>
  there.owner === undefined ? [] : [`--rsync-path=${wordsFor(there.owner, there)} -- rsync`];
