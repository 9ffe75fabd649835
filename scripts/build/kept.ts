import fs from "node:fs";
import path from "node:path";
import type { TreeFacts } from "../core/observe.ts";
import { BUILDING, type Paths, releasePath } from "../core/paths.ts";
import { findOutputs } from "./outputs.ts";
import { readReleaseJson } from "./release-json.ts";

/** A complete release from which outputs can be taken. */
export interface Kept {
  id: string;
  directory: string;
  sha: string;
  /** Build step → the key of what made its outputs. */
  steps: Record<string, string>;
}

/** More than so many are not looked at. */
const MOST = 50;

/** The newest complete releases that the registry knows, the newest first. */
export function keptReleases(paths: Paths, { rows, ids }: Pick<TreeFacts, "rows" | "ids">): Kept[] {
  const standing = new Set(ids);
  const known = [...rows.keys()].filter((id) => standing.has(id)).slice(0, MOST);
  return known.flatMap((id) => keptRelease(id, releasePath(paths, id)) ?? []);
}

/** A release as its RELEASE.json describes it; undefined while it is built, or where it is not sealed. */
export function keptRelease(id: string, directory: string): Kept | undefined {
  if (fs.existsSync(path.join(directory, BUILDING))) return undefined;
  const release: Partial<Kept> | undefined = readReleaseJson(directory);
  return release && { id, directory, sha: release.sha ?? "", steps: release.steps ?? {} };
}

/** The newest release with a step's outputs of this key, all there and unaltered. */
export function newestWith(kept: Kept[], { name, key, outputs }: { name: string; key: string; outputs: string[] }) {
  return kept.find(({ steps, directory }) => steps[name] === key && findOutputs(directory, outputs) !== undefined)?.id;
}
