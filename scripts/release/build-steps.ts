import path from "node:path";
import type { BuildFacts } from "../build/facts.ts";
import type { BuildMark } from "../build/mark.ts";
import { insideRepo, renderExtraction } from "../build/source.ts";
import { variablesOf } from "../build/tools.ts";
import type { Context } from "../core/context.ts";
import { partOf, type Step } from "../core/step.ts";

/** One part of a build, as a step's command. */
export const part = (...words: string[]) => partOf("release/build_release", ...words);

/** What `.building` says of a release that is to be built. */
export function markOf({ manifest }: Context, facts: BuildFacts): BuildMark {
  const { id, source, sets, steps, base } = facts;
  const isRun = (name: string) => isToDo(facts, name) && !steps.some((step) => step.name === name && step.from);
  const hasHooks = manifest.hooks.before_build.length > 0 || manifest.hooks.after_build.length > 0;
  return {
    id,
    sha: source.sha,
    ref: source.ref,
    dirty: source.isDirty,
    deps: Object.fromEntries(sets.map(({ name, key, directory }) => [name, key || directory])),
    steps: Object.fromEntries(steps.flatMap(({ name, key }) => (key === undefined ? [] : [[name, key]]))),
    ...(base === undefined ? {} : { base }),
    isQuiet: !hasHooks && !Object.keys(manifest.build).some(isRun),
    ...(source.upload ? { upload: { builtBy: source.upload.builtBy, made: source.upload.made } } : {}),
  };
}

/** Whether a build step has work to do in this build, or its outputs to take. */
const isToDo = ({ skipped, doneBefore }: BuildFacts, name: string) =>
  !skipped.includes(name) && doneBefore?.includes(name) !== true;

/** Fills a release's directory with its source. */
export function fill(context: Context, { id, source, base }: BuildFacts, directory: string): Step {
  const { manifest, paths } = context;
  if (base !== undefined)
    return {
      kind: "run",
      key: "source:shared",
      title: `Copy ${source.ref}, sharing what ${base} has`,
      run: part("fill", id),
    };
  const own = insideRepo(source.repo, paths.deployTo);
  const without = [
    ...(own ? [own] : []),
    ...[...manifest.linked_files, ...manifest.linked_dirs, ...Object.values(manifest.dependencies)].map(
      (entry) => entry.path,
    ),
  ];
  const lines = renderExtraction(manifest.source, source, directory, without);
  return {
    kind: "run",
    key: "source",
    title: `Copy ${source.ref} into the release`,
    run: { lines, cwd: paths.deployTo, env: {} },
  };
}

/** The build steps, each run or its outputs taken from another release. */
export function planBuildSteps(context: Context, facts: BuildFacts, directory: string): Step[] {
  const { id, tools } = facts;
  const base = { ...variablesOf(tools), RELEASE_ID: id, RELEASE_PATH: directory, DEPLOY_TO: context.paths.deployTo };
  const steps = Object.entries(context.manifest.build).filter(([name]) => isToDo(facts, name));
  return steps.map(([name, step], index) => {
    const from = facts.steps.find((fact) => fact.name === name)?.from;
    const of = `(${index + 1} of ${steps.length})`;
    if (from !== undefined)
      return {
        kind: "run",
        key: `reuse:${name}`,
        title: `Take ${step.outputs.join(", ")} from ${from}: nothing of ${name} changed ${of}`,
        run: part("reuse", id, name, from),
      };
    return {
      kind: "run",
      key: `build:${name}`,
      title: `Build ${name} ${of}`,
      run: { lines: step.run, cwd: path.join(directory, step.dir), env: { ...base, ...step.env } },
    };
  });
}
