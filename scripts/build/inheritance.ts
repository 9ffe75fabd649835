import type { Context } from "../core/context.ts";
import { releasePath } from "../core/paths.ts";
import { type FileList, readList, type SealedFile, treeHash } from "./file-list.ts";
import { changedBetween, trackedIn } from "./git-trees.ts";
import type { BuildMark } from "./mark.ts";
import { holds } from "./places.ts";
import { readReleaseJson } from "./release-json.ts";

/** What a release may take over from its base. */
export interface Inheritance {
  /** The base's directory. */
  directory: string;
  list: FileList;
  /** The base's file that git has alike in both commits, and that no build step writes; whether it still is what was sealed is not said. */
  fileAt(place: string): SealedFile | undefined;
}

interface BaseJson {
  sha: string;
  tree_sha256?: string;
}

/** Reads what the base of a build has to give; undefined where there is none, or where its list is not the one that was sealed. */
export function inheritanceOf({ manifest, paths }: Context, mark: BuildMark): Inheritance | undefined {
  if (mark.base === undefined) return undefined;
  const { repo } = manifest.source;
  const directory = releasePath(paths, mark.base);
  if (mark.upload) return inheritanceOfUpload(manifest, directory);
  const tracked = trackedIn(repo, mark.sha);
  const base = readBase(directory);
  if (!base || !tracked) return undefined;
  const changed = changedBetween(repo, base.json.sha, mark.sha);
  const fileAt = (place: string) => {
    const file = base.list.files.get(place);
    if (!file?.pristine || changed.has(place) || isOutput(manifest, place)) return undefined;
    return tracked.get(place)?.mode === (file.isExecutable ? "100755" : "100644") ? file : undefined;
  };
  return { directory, list: base.list, fileAt };
}

/** No commit tells what an upload has alike: each of its files is read anyway. */
function inheritanceOfUpload(manifest: Context["manifest"], directory: string): Inheritance | undefined {
  const base = readBase(directory);
  if (!base) return undefined;
  const fileAt = (place: string) => {
    const file = base.list.files.get(place);
    return file?.pristine && !isOutput(manifest, place) ? file : undefined;
  };
  return { directory, list: base.list, fileAt };
}

function readBase(directory: string): { json: BaseJson; list: FileList } | undefined {
  try {
    const json = readReleaseJson(directory) as BaseJson | undefined;
    const list = readList(directory);
    return json && treeHash(list.files.values()) === json.tree_sha256 ? { json, list } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a build step says that it makes what lies there. */
export const isOutput = ({ build }: Pick<Context["manifest"], "build">, place: string) =>
  Object.values(build).some(({ outputs }) => outputs.some((output) => holds(output, place)));
