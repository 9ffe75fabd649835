import path from "node:path";
import type { Context } from "../core/context.ts";
import type { TreeFacts } from "../core/observe.ts";
import { observeSource } from "../build/source.ts";
import { observeSets, type SetFact } from "../dependencies/facts.ts";
import { judgeSet, observeDependencyUse } from "../dependencies/unused.ts";
import { freedBy } from "../room/freed.ts";
import { showBytes } from "../text/amounts.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

const CHECK = "dependencies";

/** Dependency sets: whether the next build finds or can make them, and those that no release has any more. */
export function checkDependencies(context: Context, { isTree }: Pick<TreeFacts, "isTree">): Finding[] {
  const names = Object.keys(context.manifest.dependencies);
  const sets = names.length > 0 ? observeSets(context, observeSource(context.manifest.source, undefined)) : [];
  return [...sets.flatMap((set) => standing(context, set)), ...(isTree ? unused(context) : [])];
}

function standing(
  { manifest }: Context,
  { name, key, directory, problems, next, isComplete, isBroken }: SetFact,
): Finding[] {
  const lines = next.length > 0 ? next : [`$EDITOR deploy.yaml   # dependencies.${name}`];
  if (problems.length > 0) return problems.map((problem, at) => wrong(CHECK, problem, ...(at === 0 ? lines : [])));
  const gone = path.join(directory, manifest.dependencies[name]?.path ?? "");
  // Releases that link to it do not run either, until it is made again.
  if (isBroken)
    return [wrong(CHECK, `${name} (${key}) says it is complete, and ${gone} is gone`, "ops/release/build_release.ts")];
  if (isComplete) return [ok(CHECK, key === "" ? `${name}: ${directory}` : `${name} (${key})`)];
  return [note(CHECK, `${name} (${key}) is not made yet: the next build makes it`, "ops/release/build_release.ts")];
}

function unused(context: Context): Finding[] {
  const { sets, removing } = observeDependencyUse(context);
  const going = sets.filter((set) => judgeSet(set, []).goes);
  const directories = [...going.map(({ directory }) => directory), ...removing];
  if (directories.length === 0) return [];
  const named = [...going.map(({ place }) => place), ...removing.map((place) => path.basename(place))].join(", ");
  return [note(CHECK, `no release has ${named}: ${showBytes(freedBy(directories).bytes)}`, "ops/release/prune.ts")];
}
