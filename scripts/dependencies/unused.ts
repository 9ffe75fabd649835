import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { releasePath } from "../core/paths.ts";
import { quote, type Step } from "../core/step.ts";
import { usersOfPath } from "../processes/processes.ts";
import { COMPLETE, type SetFact } from "./facts.ts";
import { isSetKey } from "./key.ts";
import { observeReferences } from "./references.ts";

/** A directory in `shared/deps`, and what keeps it there. */
export interface KeptSet {
  /** `backend/0f3a…`: its place in `shared/deps`. */
  place: string;
  directory: string;
  /** It has its `.complete`; any other is what an interrupted install left. */
  isComplete: boolean;
  /** Releases that refer to it, those included that the registry does not know. */
  by: string[];
  /** A process that uses something in it. */
  user?: string;
}

export interface DependencyUse {
  sets: KeptSet[];
  /** What an interrupted removal left: absolute. */
  removing: string[];
}

/** A tree without dependency sets. */
export const NO_SETS: DependencyUse = { sets: [], removing: [] };

/** Looks at every dependency set of the tree, and at what refers to it: what RELEASE.json says, marks of builds, and links. */
export function observeDependencyUse(context: Context): DependencyUse {
  const { deps } = context.paths;
  const entries = directoriesIn(deps).flatMap((name) =>
    directoriesIn(path.join(deps, name)).map((key) => ({ name, key })),
  );
  const removing = entries.filter(({ key }) => key.startsWith(REMOVING));
  const sets = entries.filter(({ key }) => isSetKey(key));
  if (entries.length === 0) return NO_SETS;
  const references = observeReferences(context);
  const users = usersIn(deps);
  return {
    sets: sets.map(({ name, key }) => {
      const place = `${name}/${key}`;
      const user = users.get(place);
      const directory = path.join(deps, name, key);
      const by = references.flatMap(({ id, holds }) => (holds(name, key) ? [id] : []));
      return {
        place,
        directory,
        isComplete: fs.existsSync(path.join(directory, COMPLETE)),
        by,
        ...(user ? { user } : {}),
      };
    }),
    removing: removing.map(({ name, key }) => path.join(deps, name, key)),
  };
}

const REMOVING = ".removing-";

const directoriesIn = (place: string): string[] =>
  fs.existsSync(place)
    ? fs
        .readdirSync(place, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
    : [];

function usersIn(deps: string): Map<string, string> {
  const root = fs.realpathSync(deps);
  const users = usersOfPath(root).map(({ pid, command, file }): [string, string] => [
    file
      .slice(root.length + 1)
      .split("/")
      .slice(0, 2)
      .join("/"),
    `pid ${pid} (${command.slice(0, 60)})`,
  ]);
  return new Map(users);
}

/** Why a set stays or goes, once the releases in `going` are gone. */
export function judgeSet({ isComplete, by, user }: KeptSet, going: string[]): { goes: boolean; why: string } {
  const staying = by.filter((id) => !going.includes(id));
  const more = staying.length > 2 ? ` and ${staying.length - 1} more` : "";
  if (staying.length > 0) return { goes: false, why: `for ${more ? `${staying[0]}${more}` : staying.join(" and ")}` };
  if (user !== undefined) return { goes: false, why: `it is in use by ${user}` };
  if (!isComplete) return { goes: true, why: "it was never finished" };
  return { goes: true, why: by.length > 0 ? `only ${by.join(", ")} had it` : "no release has it" };
}

/** The sets that go: each leaves its name by one rename, then its files go; what an earlier removal left goes with them. */
export function planUnusedSets({ paths }: Context, { sets, removing }: DependencyUse, going: string[]): Step[] {
  const unused = sets.filter((set) => judgeSet(set, going).goes);
  return [
    ...removing.map((place): Step => ({ kind: "remove", title: `Remove ${place}`, path: place })),
    ...unused.flatMap((set): Step[] => {
      const aside = path.join(path.dirname(set.directory), `${REMOVING}${path.basename(set.directory)}`);
      return [
        takeAway(
          set,
          aside,
          set.by.map((id) => releasePath(paths, id)),
        ),
        { kind: "remove", title: `Remove the files of ${set.place}`, path: aside },
      ];
    }),
  ];
}

// A release that was to go may have stayed, because something uses it by now: then its set stays with it.
function takeAway({ place, directory }: KeptSet, aside: string, releases: string[]): Step {
  const title = `Take the dependency set ${place} away`;
  if (releases.length === 0) return { kind: "move", title, from: directory, to: aside };
  const standing = releases.map((release) => `[ -e ${quote(release)} ]`).join(" || ");
  const lines = [`${standing} || mv -- ${quote(directory)} ${quote(aside)}`];
  return { kind: "run", key: "unused-set", title, run: { lines, cwd: path.dirname(directory), env: {} } };
}

/** For `prune --dry-run`: why each set stays or goes. */
export const noteSets = ({ sets }: DependencyUse, going: string[]): string[] =>
  sets.map((set) => {
    const { goes, why } = judgeSet(set, going);
    return `${goes ? "goes " : "stays"}  shared/deps/${set.place}  ${why}`;
  });

/** The sets as they will be once release `id` is built: what it links to is referred to by it, whatever was there before. */
export const withRelease = (use: DependencyUse, id: string, wanted: Pick<SetFact, "directory">[]): DependencyUse => ({
  ...use,
  sets: use.sets.map((set) =>
    wanted.some(({ directory }) => directory === set.directory)
      ? { ...set, by: [...set.by, id], isComplete: true }
      : set,
  ),
});

/** What interrupted installs and removals left, and nothing that a finished release refers to: absolute directories. */
export function unfinishedSets({ sets, removing }: DependencyUse, building: string[]): string[] {
  const left = sets.filter(({ isComplete, by }) => !isComplete && by.every((id) => building.includes(id)));
  return [...removing, ...left.map(({ directory }) => directory)];
}
