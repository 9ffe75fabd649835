import { randomBytes } from "node:crypto";
import type { Paths } from "../core/paths.ts";
import type { Connection } from "../remote/connection.ts";
import { type Asked, lookAt, type Placed, writeFiles, writeUnderLock } from "./apply.ts";
import { type FileState, hmacOf, type LookState, type WriteState } from "./message.ts";
import { lookThere, writeThere } from "./there.ts";

/** One `shared/`, here or on a host. */
export interface Shelf {
  /** The host, as the manifest has it; absent: here. */
  host?: string;
  look(files: Asked[]): Promise<FileState<LookState>[]>;
  write(files: Placed[]): Promise<FileState<WriteState>[]>;
}

/** That of a host. */
export const shelfThere = (connection: Connection): Shelf => ({
  host: connection.host.name,
  look: (files) => lookThere(connection, files),
  write: (files) => writeThere(connection, files),
});

/** That of the tree here; `isLocked`: by an operation of this process. */
export const shelfHere = (paths: Paths, { isLocked = false } = {}): Shelf => ({
  async look(files) {
    const salt = randomBytes(32).toString("base64");
    const asked = files.map(({ shared, mode, secret }) => ({
      shared,
      mode,
      ...(secret === undefined ? {} : { hmac: hmacOf(secret.reveal(), salt) }),
    }));
    return lookAt(paths, { salt, files: asked });
  },
  write: async (files) => (isLocked ? writeFiles(paths, files) : writeUnderLock(paths, files)),
});
