import fs from "node:fs";
import path from "node:path";
import { readList, type SealedFile } from "../build/file-list.ts";
import { above } from "../build/places.ts";
import { readReleaseJson } from "../build/release-json.ts";
import type { Upload } from "../build/uploaded.ts";
import { userName } from "../core/account.ts";
import { writeDurably } from "../core/durable.ts";
import { type Paths, releasePath } from "../core/paths.ts";

/** A release as it is to be finished on hosts: what was committed, and what was built here. */
export interface Staged extends Upload {
  /** Absolute: the files to send. */
  directory: string;
  /** Places that every host has for itself: they are not sent. */
  without: string[];
}

/** What is kept of a staged release beside it. */
interface StagedRecord extends Upload {
  /** See makingOf. */
  making: string;
}

/** Where it is kept. */
export const recordPath = ({ deployTo }: Paths, id: string) => path.join(deployTo, "staged", `${id}.json`);

/** By what, and from which commit, a release was staged; undefined where that is not known. */
export function readRecord(paths: Paths, id: string): Partial<StagedRecord> | undefined {
  try {
    return JSON.parse(fs.readFileSync(recordPath(paths, id), "utf8")) as Partial<StagedRecord>;
  } catch {
    return undefined;
  }
}

/** Describes a release that has just been staged, and keeps that. */
export function describeStaged(paths: Paths, id: string, builtHere: string[], making: string): Upload {
  const directory = releasePath(paths, id);
  const { sha = "", ref = id, dirty, files = 0, bytes = 0 } = readReleaseJson(directory) as Partial<ReleaseJson>;
  const isDirty = dirty === true;
  // Of a working tree nothing is known to be as it was committed, and no file of it is shared anyway.
  const made = builtHere.length > 0 && !isDirty ? madePlaces([...readList(directory).files.values()]) : [];
  const upload: Upload = { id, sha, ref, isDirty, builtHere, builtBy: userName(), made, files, bytes };
  fs.mkdirSync(path.dirname(recordPath(paths, id)), { recursive: true });
  writeDurably(recordPath(paths, id), `${JSON.stringify({ ...upload, making })}\n`, 0o600);
  return upload;
}

interface ReleaseJson {
  sha: string;
  ref: string;
  dirty: boolean;
  files: number;
  bytes: number;
}

/** The files that are not as they were committed; a directory that has no other is named in their place. */
export function madePlaces(files: Pick<SealedFile, "path" | "content" | "pristine">[]): string[] {
  const committed = new Set(files.filter(({ pristine }) => pristine).flatMap((file) => above(file.path)));
  const made = files.filter(({ pristine, content }) => !pristine && !content.startsWith("-> "));
  return [...new Set(made.map(({ path: place }) => above(place).find((parent) => !committed.has(parent)) ?? place))];
}
