import type { Connection } from "../remote/connection.ts";
import type { LoadedManifest } from "../manifest/loaded.ts";

/** A release as it is to be finished on hosts: what was committed, and what was built here. */
export interface Staged {
  id: string;
  sha: string;
  ref: string;
  isDirty: boolean;
  /** Absolute: the files to send. */
  directory: string;
}

/** Makes here what is sent: the source, and what build steps with `build_on: local` made of it. */
export function stage(
  loaded: LoadedManifest,
  choice: { ref?: string; id?: string; isCached?: boolean },
): Promise<Staged> {
  throw new Error(`not yet: ${loaded.file} ${choice.ref}`);
}

/** How far an upload is. */
export interface Sent {
  /** Of the files that differ, so far. */
  bytes: number;
  percent: number;
}

/**
 * Puts a staged release into `<deploy_to>/incoming/<id>` on a host by rsync, against the release that is current there: an unchanged
 * file is not sent. Answers with the bytes that went over the wire.
 */
export function send(connection: Connection, staged: Staged, onProgress: (sent: Sent) => void): Promise<number> {
  throw new Error(`not yet: ${connection.host.name} ${staged.id} ${onProgress.name}`);
}
