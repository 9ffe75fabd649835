import fs from "node:fs";
import path from "node:path";
import type { Dependency } from "../../manifest.schema.ts";
import type { SourceFacts } from "../build/source.ts";
import { observeTool, type Tool, toolIdentity } from "../build/tools.ts";
import { isUploaded } from "../build/uploaded.ts";
import type { Context } from "../core/context.ts";
import { committedFiles, lyingFiles, type ReadKeyFiles } from "./key-files.ts";
import { platformHere, setKey } from "./key.ts";
import { adviceFor } from "./advice.ts";

/** A dependency set that a release links to, as it stands. */
export interface SetFact {
  /** Its name in the manifest. */
  name: string;
  /** sha256 over lockfiles, command, runtime version and platform, 16 hex digits; empty for an environment outside of the tree. */
  key: string;
  /** Absolute: `shared/deps/<name>/<key>`, or the environment outside of the tree. */
  directory: string;
  /** It has its `.complete`, and nothing has to be done but to link it. */
  isComplete: boolean;
  /** Its `.complete` says that it is made, and what it was made for is gone. */
  isBroken: boolean;
  /** What `needs` asks for, as it was found. */
  tools: Tool[];
  /** Why it cannot be used or made: a lockfile that is not there, a tool, an environment that is gone. */
  problems: string[];
  /** What to type against those. */
  next: string[];
}

/** The mark of a set that counts. */
export const COMPLETE = ".complete";

/** Looks at the manifest's dependency sets for a source. */
export function observeSets(context: Context, source: SourceFacts): SetFact[] {
  const isLying = context.manifest.source.via === "worktree" || isUploaded(source);
  return observeSetsOf(context, isLying ? lyingFiles(source.repo) : committedFiles(source));
}

/** Looks at the manifest's dependency sets for lockfiles, wherever those lie. */
export function observeSetsOf({ manifest, paths }: Context, read: ReadKeyFiles): SetFact[] {
  return Object.entries(manifest.dependencies).map(([name, dependency]) =>
    dependency.use === undefined
      ? observeOwn(name, dependency, path.join(paths.deps, name), read)
      : observeOutside(name, dependency.use),
  );
}

function observeOutside(name: string, directory: string): SetFact {
  const isThere = fs.existsSync(directory);
  return {
    name,
    key: "",
    directory,
    isComplete: true,
    isBroken: false,
    tools: [],
    problems: isThere ? [] : [`dependencies.${name}.use: there is no ${directory}`],
    next: [],
  };
}

function observeOwn(name: string, dependency: Dependency, place: string, read: ReadKeyFiles): SetFact {
  const files = read(dependency.key);
  const tools = dependency.needs.map((need) => observeTool(need));
  const problems = [
    ...files.flatMap((file) => ("problem" in file ? [`dependencies.${name}.key: ${file.place} ${file.problem}`] : [])),
    ...tools.flatMap(({ problem }) => (problem === undefined ? [] : [`dependencies.${name}.needs: ${problem}`])),
  ];
  const key = setKey({
    dependency,
    files: files.flatMap((file) => ("id" in file ? [[file.place, file.id] as [string, string]] : [])),
    // By what name a tool was found says nothing: cron's PATH is another one.
    tools: tools.map((tool) => toolIdentity(tool).slice(2)),
    platform: platformHere(),
  });
  const directory = path.join(place, key);
  const isMarked = fs.existsSync(path.join(directory, COMPLETE));
  const isThere = fs.existsSync(path.join(directory, dependency.path));
  const next = [...new Set(tools.flatMap((tool) => adviceFor(tool)))];
  return {
    name,
    key,
    directory,
    isComplete: isMarked && isThere,
    isBroken: isMarked && !isThere,
    tools,
    problems,
    next,
  };
}
