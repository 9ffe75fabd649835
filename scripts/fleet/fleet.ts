import type { Host } from "../manifest/loaded.ts";
import type { Ending } from "./ending.ts";

/** A command for one host. */
export interface Turn {
  host: Host;
  /** Its place under `ops`. */
  command: string;
  words: string[];
  /** What it tells meanwhile is not worth showing. */
  isQuiet?: boolean;
}

/** What is done with the hosts of an environment: the decisions are made over this, and know nothing of ssh. */
export interface Fleet {
  /** What a host is called on the screen. */
  titleOf: (host: Host) => string;
  /** Gives a command that changes something; what it prints is shown as it comes. Never rejects. */
  give: (turn: Turn) => Promise<Ending>;
  /** What a host said to type, as it is typed here. */
  typed?: (host: Host, line: string) => string;
  /** A line for the person. */
  say: (line: string) => void;
  warn: (line: string) => void;
  /** A person pressed Ctrl-C. */
  isInterrupted: () => boolean;
}
