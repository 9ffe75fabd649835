import fs from "node:fs";
import path from "node:path";
import { listRows, type ReleaseRow } from "../registry/releases.ts";
import { openDatabaseToRead } from "../registry/database.ts";
import { standing } from "./durable.ts";
import { RELEASE_ID } from "./release-id.ts";
import { type OperationRow, openOperations } from "../registry/journal.ts";
import { BUILDING, type Paths, recordedManifestPath, releasePath } from "./paths.ts";

/** What `current` is now. */
export interface Current {
  kind: "absent" | "link" | "directory" | "file";
  /** The link's own text: relative, or absolute in a tree that was made by hand. */
  target?: string;
  /** The release it names, when that is a directory under `releases`. */
  releaseId?: string;
  /** The commit that the release says it was built from. */
  sha?: string;
}

/** A release's directory, read; `RELEASE.json`, else what the teams' old scripts left. */
export interface ReleaseFact {
  id: string;
  /** Its directory stands and bears no mark of a build. */
  isComplete: boolean;
  isBuilding: boolean;
  /** Made by switchback: a RELEASE.json with all its keys. */
  isSealed: boolean;
  sha: string;
  builtAt?: string;
  ref?: string;
  isDirty?: boolean;
  bytes?: number;
  /** Of that, what it did not share with another release when it was built. */
  ownBytes?: number;
  files?: number;
  treeSha256?: string;
  /** The manifest with which it last ran healthy is kept. */
  hasRecordedManifest: boolean;
}

export interface TreeFacts {
  now: Date;
  isTree: boolean;
  current: Current;
  /** Directories under `releases` that bear a release id. */
  ids: string[];
  /** The registry's rows by release id, the newest first. */
  rows: Map<string, ReleaseRow>;
  /** Operations that have no end: at work now, or interrupted. */
  open: OperationRow[];
}

/** Reads the tree: one directory, one link, one database; nothing that grows with the releases' size. */
export function observeTree(paths: Paths): TreeFacts {
  const database = openDatabaseToRead(paths.registry);
  try {
    return {
      now: new Date(),
      isTree: fs.existsSync(paths.releases),
      current: observeCurrent(paths),
      ids: observeIds(paths),
      rows: new Map(database ? listRows(database).map((row) => [row.release_id, row]) : []),
      open: database ? openOperations(database) : [],
    };
  } finally {
    database?.close();
  }
}

/** Reads the `current` link. */
export function observeCurrent(paths: Paths): Current {
  const now = standing(paths.current);
  if (!now) return { kind: "absent" };
  if (!now.isSymbolicLink()) return { kind: now.isDirectory() ? "directory" : "file" };
  const target = fs.readlinkSync(paths.current);
  const real = realDirectory(paths.current);
  const releases = realDirectory(paths.releases);
  const isRelease = real !== undefined && releases !== undefined && path.dirname(real) === releases;
  if (!isRelease) return { kind: "link", target };
  return { kind: "link", target, releaseId: path.basename(real), sha: observeMetadata(real).sha };
}

function observeIds(paths: Paths): string[] {
  if (!fs.existsSync(paths.releases)) return [];
  return fs
    .readdirSync(paths.releases, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && RELEASE_ID.test(entry.name))
    .map((entry) => entry.name);
}

function realDirectory(place: string): string | undefined {
  try {
    return fs.realpathSync(place);
  } catch {
    return undefined;
  }
}

/** Reads one release's directory. */
export function observeRelease(paths: Paths, id: string): ReleaseFact {
  const directory = releasePath(paths, id);
  const isBuilding = fs.existsSync(path.join(directory, BUILDING));
  const isDirectory = standing(directory)?.isDirectory() === true;
  return {
    id,
    isBuilding,
    isComplete: isDirectory && !isBuilding,
    hasRecordedManifest: fs.existsSync(recordedManifestPath(paths, id)),
    ...observeMetadata(directory),
  };
}

type Metadata = Pick<
  ReleaseFact,
  "isSealed" | "sha" | "builtAt" | "ref" | "isDirty" | "bytes" | "ownBytes" | "files" | "treeSha256"
>;

function observeMetadata(directory: string): Metadata {
  const json = readText(path.join(directory, "RELEASE.json"));
  if (json !== undefined) return metadataOfJson(json);
  const meta = readText(path.join(directory, ".deploy-meta")) ?? "";
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(meta)?.[1]?.trim();
  const builtAt = value("built_at_utc");
  return { isSealed: false, sha: value("commit_sha") ?? "", ...(builtAt ? { builtAt } : {}) };
}

function metadataOfJson(json: string): Metadata {
  let read: Record<string, unknown> = {};
  try {
    read = JSON.parse(json) as Record<string, unknown>;
  } catch {
    return { isSealed: false, sha: "" };
  }
  const text = (name: string) => (typeof read[name] === "string" ? read[name] : undefined);
  const number = (name: string) => (typeof read[name] === "number" ? read[name] : undefined);
  const entries = {
    builtAt: text("built_at"),
    ref: text("ref"),
    isDirty: read["dirty"] === true ? true : undefined,
    bytes: number("bytes"),
    ownBytes: number("own_bytes"),
    files: number("files"),
    treeSha256: text("tree_sha256"),
  };
  const known = Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
  return { isSealed: known["treeSha256"] !== undefined, sha: text("sha") ?? "", ...known };
}

function readText(file: string): string | undefined {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
