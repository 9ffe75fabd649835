import fs from "node:fs";
import path from "node:path";
import type { BuildStep } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { hashFile } from "../core/hash-file.ts";
import {
  attributePlaces,
  committedContents,
  type Content,
  excludedBy,
  hasSubstitutions,
  lyingContents,
} from "./contents.ts";
import { holds, outermost } from "./places.ts";
import { insideRepo, type SourceFacts } from "./source.ts";
import { isUploaded } from "./uploaded.ts";

type Contents = Map<string, Content>;

/** What the steps of one build read of its source. */
export interface Source {
  /** Places of a release that are links into `shared/` or to a dependency set. */
  linkedPlaces: string[];
  /** Place → content, of a step's inputs and of where its outputs go. */
  contentsOf(step: BuildStep): Contents;
  /** Place → hash, of the linked files that lie in a step's inputs. */
  linkedIn(step: BuildStep): [place: string, hash: string][];
  /** Why the contents do not tell what the step reads. */
  obstacle(step: BuildStep, contents: Contents): string | undefined;
  /** Inputs that an older commit has otherwise; none where that cannot be told. */
  changedSince(sha: string, step: BuildStep): string[];
}

/** The source of a build, a commit or a working tree, as its steps see it; what was uploaded lies there as a working tree does. */
export function sourceOf(context: Context, source: SourceFacts): Source {
  const isWorktree = context.manifest.source.via === "worktree" || isUploaded(source);
  const read = isWorktree ? worktreeReader(context, source) : (places: string[]) => committedContents(source, places);
  const isSubstituted = !isWorktree && hasSubstitutions(source);
  return {
    linkedPlaces: linkedPlaces(context),
    contentsOf: ({ inputs, outputs }) => read(placesOf([...inputs, ...outputs], isWorktree)),
    linkedIn: ({ inputs }) => linkedIn(context, inputs),
    obstacle: ({ inputs }, contents) =>
      isSubstituted
        ? "export-subst writes of the commit into files"
        : (linkObstacle(inputs, contents) ?? sharedObstacle(context, inputs)),
    changedSince: (sha, { inputs }) => (isWorktree ? [] : changedSince(source, sha, outermost(inputs))),
  };
}

const linkedPlaces = ({ manifest }: Context): string[] =>
  [...manifest.linked_files, ...manifest.linked_dirs, ...Object.values(manifest.dependencies)].map(
    (entry) => entry.path,
  );

// Git writes files by the attributes of the directories that they lie in.
const placesOf = (places: string[], isWorktree: boolean) => (isWorktree ? outermost(places) : attributePlaces(places));

function worktreeReader({ manifest, paths }: Context, { repo }: SourceFacts) {
  const own = insideRepo(repo, paths.deployTo);
  const linked = [...manifest.linked_files, ...manifest.linked_dirs].map((entry) => entry.path);
  const left = new Set([...(own ? [own] : []), ...linked]);
  const isExcluded = excludedBy(manifest.source.exclude);
  return (places: string[]) => lyingContents(repo, places, (place) => left.has(place) || isExcluded(place));
}

function linkedIn({ manifest, paths }: Context, inputs: string[]): [string, string][] {
  const entries = manifest.linked_files.filter((entry) => inputs.some((place) => holds(place, entry.path)));
  return entries.map((entry) => {
    const file = path.join(paths.shared, entry.shared);
    return [entry.path, fs.existsSync(file) ? hashFile(file) : "absent"];
  });
}

const linkObstacle = (inputs: string[], contents: Contents) => {
  const link = inputs.find((place) => contents.get(place)?.kind === "link");
  return link && `its input ${link} is or lies behind a link: name what that leads to`;
};

function sharedObstacle({ manifest }: Context, inputs: string[]): string | undefined {
  const place = inputs.find((input) => manifest.linked_dirs.some((entry) => holds(entry.path, input)));
  return place && `its input ${place} lies in shared/`;
}

function changedSince({ repo, sha }: SourceFacts, older: string, inputs: string[]): string[] {
  try {
    const [before, now] = [older, sha].map((one) => committedContents({ repo, sha: one }, inputs));
    return inputs.filter((place) => before?.get(place)?.id !== now?.get(place)?.id);
  } catch {
    return []; // The older commit is not in this repository any more.
  }
}
