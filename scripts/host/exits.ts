import { EXIT } from "../core/errors.ts";

/** What each exit code means (SPEC section 3), and what a person does then. */
export const exits: { code: number; meaning: string; todo: string }[] = [
  { code: EXIT.done, meaning: "done", todo: "nothing" },
  {
    code: EXIT.failed,
    meaning: 'failed before anything that serves was touched; also "no" from a command that only looks',
    todo: "read the message, mend it, type the command again",
  },
  {
    code: EXIT.usage,
    meaning: "usage, manifest or release id wrong, or not found; nothing was touched",
    todo: "type what the message says",
  },
  {
    code: EXIT.restored,
    meaning: "failed after the services were stopped or the link moved; what was before is restored and healthy",
    todo: "read the log in `logs/`; users have the old release",
  },
  { code: EXIT.stranded, meaning: "failed and could not be restored", todo: "act now: type what the message says" },
  {
    code: EXIT.busy,
    meaning: "another operation holds the lock; the message says who, since when, doing what",
    todo: "wait, then type it again",
  },
  {
    code: EXIT.interrupted,
    meaning: "interrupted; the same promise as 1 or 3, and the message says which",
    todo: "type it again",
  },
];
