import { removeWords, writeWords } from "../core/as-root.ts";

/** What installing logrotate's file has to do with root's places. */
export interface Owned {
  /** Where the file is installed, absolute. */
  path: string;
  /** Logs that are not there yet, or not the owner's, as whom logrotate empties them. */
  foreign: string[];
  /** `user:group` by number. */
  owner: string;
}

/** The commands that give a log, which may not be there yet, to the tree's owner; one log each, so that sudoers knows them. */
export const ownWords = (log: string, owner: string): string[][] => [
  ["touch", "--", log],
  ["chown", "-h", owner, "--", log],
];

/** Pure. Every order that installing logrotate's file gives through sudo as things stand, word by word. */
export const privilegesOf = ({ path, foreign, owner }: Owned) => [
  ...writeWords(path),
  removeWords(path),
  ...foreign.flatMap((log) => ownWords(log, owner)),
];
