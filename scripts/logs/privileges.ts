import { removeWords, writeWords } from "../core/as-root.ts";
import type { LogrotateFacts } from "./install_logrotate.ts";

/** The commands that give a log, which may not be there yet, to the tree's owner; one log each, so that sudoers knows them. */
export const ownWords = (log: string, owner: string): string[][] => [
  ["touch", "--", log],
  ["chown", "-h", owner, "--", log],
];

/** Pure. Every order that installing logrotate's file gives through sudo as things stand, word by word. */
export const privilegesOf = ({ path, foreign, owner }: Pick<LogrotateFacts, "path" | "foreign" | "owner">) => [
  ...writeWords(path),
  removeWords(path),
  ...foreign.flatMap((log) => ownWords(log, owner)),
];
