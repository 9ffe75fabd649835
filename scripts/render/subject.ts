import fs from "node:fs";
import type { Manifest } from "../../manifest.schema.ts";
import { accountOf } from "../core/account.ts";
import type { Context } from "../core/context.ts";
import { ownerOf } from "../core/owner.ts";
import type { Paths } from "../core/paths.ts";
import type { LoadedManifest } from "../manifest/loaded.ts";
import { ManifestError } from "../manifest/problems.ts";

/** What rendering needs to know; nothing of it is read from the host by a renderer. */
export interface Subject {
  manifest: Manifest;
  paths: Paths;
  /** The account whose the tree is: as it runs what names no user. */
  owner: { name: string; uid: number; gid?: number | undefined; home: string };
  /**
   * Refuses a value that a target cannot express, at its place in the manifest.
   * @throws ManifestError with `FILE:LINE:COL`
   */
  refuse(path: PropertyKey[], message: string): never;
}

const groupOf = (deployTo: string) => fs.statSync(deployTo, { throwIfNoEntry: false })?.gid ?? process.getegid?.();

/** How a subject of this manifest refuses a value. */
export const refusing =
  (loaded: LoadedManifest): Subject["refuse"] =>
  (path, message) => {
    throw new ManifestError(loaded.file, loaded.text, [loaded.problemAt(path, "value", message)]);
  };

/** The subject of a context: its manifest, or another one that a release ran with. */
export function subjectOf({ loaded, paths }: Context, manifest: Manifest = loaded.manifest): Subject {
  const uid = ownerOf(paths.deployTo);
  const account = accountOf(uid);
  return {
    manifest,
    paths,
    owner: { name: account?.name ?? String(uid), uid, gid: groupOf(paths.deployTo), home: account?.home ?? "/" },
    refuse: refusing(loaded),
  };
}
