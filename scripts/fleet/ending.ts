import { EXIT } from "../core/errors.ts";

/** How a command ended on a host. */
export type Ending =
  | { end: "exited"; exit: number; answer: HostAnswer; ms: number }
  /** The connection was lost for good: the host goes on by itself. */
  | { end: "lost"; ms: number }
  /** It could not be begun: nothing was done. */
  | { end: "unreachable"; message: string; output: string[]; next: string[]; ms: number };

/** What a changing command says with `--json`, there. */
export interface HostAnswer {
  /** Of a command that was done. */
  release?: string | null;
  previous?: string | null;
  message?: string;
  /** Of one that failed. */
  error?: string;
  next?: string[];
}

/** Whether the command was done; the hosts' own 0 is the only one. */
export const isDone = (ending: Ending): boolean => ending.end === "exited" && ending.exit === EXIT.done;

/** The exit code that an ending stands for when it is the only one. */
export function exitOf(ending: Ending): number {
  if (ending.end === "exited") return ending.exit;
  return ending.end === "lost" ? EXIT.stranded : EXIT.failed;
}

/** From the least to the worst. */
const GRAVITY: readonly number[] = [
  EXIT.done,
  EXIT.usage,
  EXIT.busy,
  EXIT.failed,
  EXIT.interrupted,
  EXIT.restored,
  EXIT.stranded,
];

/** The worst of exit codes: what could not be restored, what was restored, an interruption, a failure, a lock, a refusal. */
export const worstOf = (exits: readonly number[]): number =>
  exits.reduce((worst, exit) => (gravityOf(exit) > gravityOf(worst) ? exit : worst), EXIT.done as number);

const gravityOf = (exit: number) => {
  const at = GRAVITY.indexOf(exit);
  return at < 0 ? GRAVITY.indexOf(EXIT.failed) : at;
};
