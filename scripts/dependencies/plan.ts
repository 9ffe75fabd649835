import path from "node:path";
import type { Dependency } from "../../manifest.schema.ts";
import { variablesOf } from "../build/tools.ts";
import type { Context } from "../core/context.ts";
import { releasePath } from "../core/paths.ts";
import { partOf, quote, type LinkStep, type Step } from "../core/step.ts";
import { COMPLETE, type SetFact } from "./facts.ts";

/** Makes what is not complete, in its final directory, and links every set into the release `id`. */
export function planSets(context: Context, id: string, sets: SetFact[]): Step[] {
  return [...sets.flatMap((set) => planSet(context, id, set)), ...sets.map((set) => planSetLink(context, id, set))];
}

/** Makes a set from the lockfiles that a release holds; nothing where it is complete. */
export function planSet(context: Context, id: string, set: SetFact): Step[] {
  const { name, key, directory } = set;
  if (set.isComplete) return [];
  const dependency = context.manifest.dependencies[name] as Dependency;
  const mark = path.join(directory, COMPLETE);
  const release = releasePath(context.paths, id);
  const begun: Step[] = set.isBroken
    ? [{ kind: "remove", title: `Take its mark from ${directory}: ${dependency.path} is gone from it`, path: mark }]
    : [];
  return [
    ...begun,
    { kind: "remove", title: `Remove what is left of ${directory}`, path: directory },
    { kind: "mkdir", title: `Make ${directory}`, path: path.join(directory, dependency.dir) },
    {
      kind: "run",
      key: "deps-files",
      title: `Copy ${dependency.key.join(", ")} beside what ${name} will hold`,
      run: { lines: dependency.key.flatMap((place) => copy(release, place)), cwd: directory, env: {} },
    },
    {
      kind: "run",
      key: `deps:${name}`,
      title: `Make the dependency set ${name} (${key})`,
      run: { lines: dependency.run ?? [], cwd: path.join(directory, dependency.dir), env: environmentOf(context, set) },
    },
    {
      kind: "run",
      key: "seal-set",
      title: `Make ${name} (${key}) durable and complete`,
      run: partOf("release/build_release", "seal-set", name, key),
    },
  ];
}

// By content alone: a file of the release may be read-only, and what installs may want to write its lockfile.
function copy(release: string, place: string): string[] {
  const parent = path.posix.dirname(place);
  const into = `cat -- ${quote(path.join(release, place))} >${quote(`./${place}`)}`;
  return parent === "." ? [into] : [`mkdir -p -- ${quote(`./${parent}`)}`, into];
}

function environmentOf({ manifest, paths }: Context, { name, tools }: SetFact): Record<string, string> {
  return { ...variablesOf(tools), DEPLOY_TO: paths.deployTo, ...manifest.dependencies[name]?.env };
}

/** Links a set into a release: relative into the tree, so that it can be moved; absolute where the set lies outside. */
export function planSetLink(context: Context, id: string, set: Pick<SetFact, "name" | "key" | "directory">): LinkStep {
  const release = releasePath(context.paths, id);
  const dependency = context.manifest.dependencies[set.name] as Dependency;
  const place = path.join(release, dependency.path);
  const isOutside = dependency.use !== undefined;
  return {
    kind: "link",
    title: `Link ${dependency.path} to ${isOutside ? set.directory : `the dependency set ${set.name} (${set.key})`}`,
    path: place,
    target: isOutside ? set.directory : path.relative(path.dirname(place), path.join(set.directory, dependency.path)),
    clears: true,
    within: release,
  };
}

/** Takes away what a failed build left of a set; one that is complete stays for the next try. */
export function planSetDiscard(sets: SetFact[]): Step[] {
  return sets.flatMap((set): Step[] =>
    set.isComplete
      ? []
      : [
          {
            kind: "remove",
            title: `Remove what was made of ${set.directory}`,
            path: set.directory,
            unless: path.join(set.directory, COMPLETE),
          },
        ],
  );
}
