import { FailedError } from "../core/errors.ts";
import type { Host, LoadedManifest } from "../manifest/loaded.ts";

/** Platforms that the pinned runtime is there for, as its packages are named. */
export type Platform = "linux-x64" | "linux-aarch64" | "darwin-x64" | "darwin-aarch64";

/** A host that answered, and what it is. */
export interface Connection {
  host: Host;
  /** The tree there, absolute: `~` is the account's home on that host. */
  deployTo: string;
  platform: Platform;
  /** Its own name for itself. */
  hostname: string;
  hasRsync: boolean;
  /** The tree is there. */
  hasTree: boolean;
  /** Versions of the suite in the tree. */
  suites: string[];
  /** The release that `current` names. */
  currentId: string | undefined;
}

/** A host could not be reached, or refused us: what ssh said is in `output`. */
export class UnreachableError extends FailedError {}

/** Looks at a host by one script. @throws UnreachableError, and FailedError for a platform that has no runtime. */
export function connect(loaded: LoadedManifest, host: Host): Promise<Connection> {
  throw new Error(`not yet: ${loaded.file} ${host.name}`);
}
