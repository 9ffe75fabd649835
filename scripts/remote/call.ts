import type { LoadedManifest } from "../manifest/loaded.ts";
import type { Connection } from "./connection.ts";

/** One of the suite's commands, to be given on a host. */
export interface Call {
  /** `release/switch_current`: its place under `ops`. */
  command: string;
  /** Without `--manifest` and `--env`, which the host adds. */
  words: string[];
  /** Set for the command there, beside the overrides of seed 004 that are set here. */
  env?: Record<string, string>;
  /** What it prints, as it comes. */
  onOut: (text: string) => void;
  onErr: (text: string) => void;
  /** A command that only looks is run as it is: it ends with the connection. Default: it changes something, and outlives the connection. */
  isReading?: boolean;
}

/** How a call ended: its exit code, or that the connection was lost for good and the host goes on by itself. */
export type Ended = { exit: number; isLost?: false } | { isLost: true };

/**
 * Gives a command on a host, with this machine's manifest. It runs there in a session of its own: a lost connection neither stops nor
 * harms it; it is looked for again for a minute, and what it printed meanwhile is printed then.
 * @throws UnreachableError when it could not be begun.
 */
export function callThere(connection: Connection, loaded: LoadedManifest, call: Call): Promise<Ended> {
  throw new Error(`not yet: ${connection.host.name} ${loaded.file} ${call.command}`);
}
