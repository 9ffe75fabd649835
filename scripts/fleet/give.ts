import type { Flags } from "../core/entry.ts";
import type { LoadedManifest } from "../manifest/loaded.ts";

/** A command as it was typed here, for an environment that has hosts. */
export interface Given {
  /** `release/switch_current`: its place under `ops`. */
  name: string;
  /** The words behind it. */
  words: string[];
  flags: Flags;
  loaded: LoadedManifest;
}

/** Gives a command on the hosts of its environment; answers with the exit code. */
export function giveOnHosts(given: Given): Promise<number> {
  throw new Error(`not yet: ${given.name}`);
}
