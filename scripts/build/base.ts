import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import type { TreeFacts } from "../core/observe.ts";
import { BUILDING, releasePath } from "../core/paths.ts";
import { extractionKey } from "./extraction-key.ts";
import { LIST } from "./file-list.ts";
import { readReleaseJson } from "./release-json.ts";
import { git } from "./git.ts";
import { type SourceFacts } from "./source.ts";
import { isUploaded } from "./uploaded.ts";

/** How many of the newest releases are looked at. */
const MOST_TRIED = 20;

/**
 * The release whose unchanged files a build of this source shares: the newest complete one that was extracted from this repository
 * by the same rules, or, for an upload, which is compared byte by byte, any that has a list; undefined where there is none that can be told apart.
 */
export function observeBase({ manifest, paths }: Context, source: SourceFacts, tree: TreeFacts): string | undefined {
  // As files that lie in a work tree are, too.
  if (source.isDirty) return undefined;
  const standing = new Set(tree.ids);
  const ids = [...tree.rows.keys()].filter((id) => standing.has(id)).slice(0, MOST_TRIED);
  if (isUploaded(source)) return ids.find((id) => isSealed(releasePath(paths, id)));
  const key = ids.length > 0 ? extractionKey(manifest.source, source.sha) : undefined;
  if (key === undefined) return undefined;
  return ids.find((id) => isBase(releasePath(paths, id), source.repo, key));
}

const isSealed = (directory: string) =>
  !fs.existsSync(path.join(directory, BUILDING)) && fs.existsSync(path.join(directory, LIST));

function isBase(directory: string, repo: string, key: string): boolean {
  if (!isSealed(directory)) return false;
  const { sha, extraction } = readReleaseJson(directory) ?? {};
  return extraction === key && typeof sha === "string" && git(repo, "cat-file", "-e", `${sha}^{commit}`).status === 0;
}
