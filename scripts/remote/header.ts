/** The first line that a host is told: what to do, or which call to go on with. */
export interface Header {
  /** Names the call, and makes it begin once however often it is asked for. */
  token: string;
  /** The tree there, absolute. */
  deployTo: string;
  /** `release/switch_current`. */
  command: string;
  words: string[];
  /** The manifest's text. */
  manifest: string;
  environment: string;
  /** As the manifest has it. */
  host: string;
  env: Record<string, string>;
  /** `jan@laptop`: who asks. */
  from: string;
  isReading: boolean;
  /** Bytes of each stream that have arrived. */
  offsets: { out: number; err: number };
  /** The command is to be interrupted. */
  isStopping: boolean;
  /** All of it has arrived: nothing is to be kept. */
  isDone: boolean;
  /** Seconds for which a lost connection is looked for. */
  reconnectSec: number;
}

/** Lines that follow the header: somebody is still there; stop the command; all has arrived. */
export const LINES = { beat: "beat", stop: "stop", done: "done" } as const;

/** Milliseconds between two signs of life, and for how long a missing one is waited for. */
export const BEAT = { every: 5_000, missing: 30_000 } as const;

export const isToken = (text: string): boolean => /^[0-9a-f]{32}$/.test(text);
