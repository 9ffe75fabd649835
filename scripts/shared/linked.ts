import fs from "node:fs";
import path from "node:path";
import type { LinkedEntry } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { standing } from "../core/durable.ts";
import { UsageError } from "../core/errors.ts";
import { releasePath } from "../core/paths.ts";
import type { Step } from "../core/step.ts";
import type { SharedFact } from "./entries.ts";
import { howToMake, isMissing } from "./missing.ts";

/** Looks at every linked entry; `from` is the folder that `from` is relative to (default: the checkout, which a host has not). */
export function observeShared(context: Context, from?: string): SharedFact[] {
  const { manifest, paths, loaded } = context;
  const isHost = loaded.host !== undefined;
  const folder = from ?? manifest.source.repo;
  const isThere = (place: string) => (from !== undefined || !isHost) && fs.existsSync(place);
  const facts = (entries: LinkedEntry[], kind: SharedFact["kind"]) =>
    entries.map((entry): SharedFact => {
      const sourcePath = path.resolve(folder, entry.from);
      const isInPlace = isHost && fs.existsSync(path.resolve(paths.deployTo, entry.from));
      return {
        ...observeEntry(entry, kind, path.join(paths.shared, entry.shared)),
        sourcePath,
        hasSource: isThere(sourcePath),
        ...(isInPlace ? { isInPlace } : {}),
      };
    });
  return [...facts(manifest.linked_files, "file"), ...facts(manifest.linked_dirs, "directory")];
}

function observeEntry(
  entry: LinkedEntry,
  kind: SharedFact["kind"],
  sharedPath: string,
): Omit<SharedFact, "sourcePath" | "hasSource"> {
  const now = standing(sharedPath);
  const isLink = now?.isSymbolicLink() === true;
  const state = !now ? "absent" : !isLink ? "real" : fs.existsSync(sharedPath) ? "link" : "dangling";
  return {
    ...entry,
    kind,
    sharedPath,
    state,
    ...(isLink ? { linkedTo: path.resolve(path.dirname(sharedPath), fs.readlinkSync(sharedPath)) } : {}),
  };
}

/** The directories of an empty tree. */
export const planTree = ({ paths }: Context): Step[] =>
  [paths.releases, paths.shared, paths.logs, paths.run].map((place) => ({
    kind: "mkdir",
    title: `Make ${place}`,
    path: place,
  }));

/** @throws UsageError that names every linked file that is not in `shared/`, and how to make it. */
export function missingShared(context: Context, facts: SharedFact[]): void {
  const missing = facts.filter(isMissing);
  if (missing.length === 0) return;
  const lines = missing.map(
    (fact) => `  ${fact.sharedPath}${fact.state === "dangling" ? ` (a link to ${fact.linkedTo}, which is gone)` : ""}`,
  );
  const hows = missing.map((fact) => howToMake(context, fact));
  throw new UsageError(`linked files are missing:\n${lines.join("\n")}`, { next: [...new Set(hows)] });
}

/** Links every linked entry into a release, relative, in place of whatever the commit has there. */
export function planLinks(context: Context, id: string): Step[] {
  const { linked_files, linked_dirs } = context.manifest;
  const at = (entry: LinkedEntry) => path.join(context.paths.shared, entry.shared);
  // An optional directory is left to what creates it; the directory that it goes into has to be there.
  const directories = linked_dirs.filter((entry) => !entry.optional).map(at);
  const parents = [...linked_files, ...linked_dirs].map((entry) => path.dirname(at(entry)));
  const made = new Set([...parents, ...directories].filter((place) => place !== context.paths.shared));
  return [
    ...[...made].map((place): Step => ({ kind: "mkdir", title: `Make ${place}`, path: place })),
    ...[...linked_files, ...linked_dirs].map((entry) => planLink(releasePath(context.paths, id), entry, at(entry))),
  ];
}

function planLink(release: string, entry: LinkedEntry, shared: string): Step {
  const place = path.join(release, entry.path);
  const target = path.relative(path.dirname(place), shared);
  return {
    kind: "link",
    title: `Link ${entry.path} to shared/${entry.shared}`,
    path: place,
    target,
    clears: true,
    within: release,
  };
}

/** Beside an entry of `shared/`: the copy that will take its place, and the link that it takes the place of. */
export const takingPath = (sharedPath: string) =>
  path.join(path.dirname(sharedPath), `.taking-${path.basename(sharedPath)}`);
export const keptPath = (sharedPath: string) =>
  path.join(path.dirname(sharedPath), `.kept-${path.basename(sharedPath)}`);

export interface Unfinished {
  kept: string;
  taking: string;
  place: string;
  /** Only the kept one is left: the kill came between the two renames. */
  isMissing: boolean;
}

/** What an interrupted `--harden` or `--move` left in `shared/`. */
export function findUnfinished(context: Context): Unfinished[] {
  return observeShared(context).flatMap(({ sharedPath: place }) => {
    const [kept, taking] = [keptPath(place), takingPath(place)];
    const hasKept = standing(kept) !== undefined;
    return hasKept || standing(taking) ? [{ kept, taking, place, isMissing: hasKept && !standing(place) }] : [];
  });
}
