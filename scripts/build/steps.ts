import type { BuildStep } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import type { TreeFacts } from "../core/observe.ts";
import type { SetFact } from "../dependencies/facts.ts";
import { type Kept, keptReleases, newestWith } from "./kept.ts";
import { overlaps } from "./places.ts";
import { type Source, sourceOf } from "./step-source.ts";
import { stepKey } from "./step-key.ts";
import type { SourceFacts } from "./source.ts";
import { type Tool, toolIdentity } from "./tools.ts";

/** A build step with `inputs` and `outputs`, as far as its work can be told beforehand. */
export interface StepFact {
  name: string;
  /** See `stepKey`; undefined where something may change what the step makes that no key can hold. */
  key?: string;
  /** The release whose outputs are taken instead of running the step. */
  from?: string;
  /** Why it runs although it could have been skipped, for a person. */
  why?: string;
  /** Inputs that the source does not have, and no step makes. */
  missing: string[];
}

interface StepSources {
  source: SourceFacts;
  tools: Tool[];
  sets: SetFact[];
  skipped: string[];
  tree: TreeFacts;
  isCached: boolean;
}

type Named = [name: string, step: BuildStep];

/**
 * Looks at every build step that can be skipped, and for the last release that has its outputs. What a step reads and writes is
 * what it declares: a step without key, in front of it, changes nothing that another one names. A hook can declare nothing, so
 * that beside a build hook no step is skipped.
 */
export function observeSteps(context: Context, sources: StepSources): StepFact[] {
  const { manifest } = context;
  const steps = Object.entries(manifest.build).filter(([name]) => !sources.skipped.includes(name));
  if (!steps.some(([, step]) => isDeclared(step))) return [];
  const kept = keptReleases(context.paths, sources.tree);
  const at = sourceOf(context, sources.source);
  const facts: StepFact[] = [];
  for (const [index, named] of steps.entries())
    if (isDeclared(named[1])) facts.push(observeStep({ context, sources, at, kept, steps, index, facts }, named));
  return facts;
}

const isDeclared = ({ inputs, outputs }: BuildStep) => inputs.length > 0 && outputs.length > 0;

interface Looking {
  context: Context;
  sources: StepSources;
  at: Source;
  kept: Kept[];
  steps: Named[];
  index: number;
  /** The steps in front of this one that could be told. */
  facts: StepFact[];
}

function observeStep(looking: Looking, [name, step]: Named): StepFact {
  const { at, sources, kept, facts } = looking;
  const contents = at.contentsOf(step);
  const makers = looking.steps.slice(0, looking.index).filter(([, other]) => reads(step, other));
  const others = [...makers.flatMap(([, maker]) => maker.outputs), ...at.linkedPlaces];
  const missing = step.inputs.filter(
    (place) => contents.get(place)?.kind === "absent" && !others.some((other) => overlaps(other, place)),
  );
  const behind = makers.map(([maker]) => facts.find((fact) => fact.name === maker));
  const why = obstacle(looking, [name, step]) ?? at.obstacle(step, contents);
  if (why !== undefined) return { name, why, missing };
  const key = stepKey({
    step,
    contents: [...contents].map(([place, { id }]) => [place, id]),
    exclude: looking.context.manifest.source.exclude,
    linked: at.linkedIn(step),
    tools: sources.tools.filter(({ need }) => step.needs.includes(need)).map(toolIdentity),
    sets: sources.sets.map((set) => [set.name, set.key || set.directory]),
    behind: behind.map((maker) => [maker?.name ?? "", maker?.key ?? ""]),
  });
  if (!sources.isCached) return { name, key, missing };
  const from = newestWith(kept, { name, key, outputs: step.outputs });
  return from === undefined
    ? { name, key, missing, ...whyOf(looking, { name, key, step }) }
    : { name, key, from, missing };
}

/** Whether a step reads what another one makes. */
const reads = (step: BuildStep, maker: BuildStep) =>
  maker.outputs.some((made) => step.inputs.some((place) => overlaps(made, place)));

/** Why no key can tell what a step makes: something else writes where it reads or writes. */
function obstacle({ context, steps, index, facts }: Looking, [name, step]: Named): string | undefined {
  const { before_build, after_build } = context.manifest.hooks;
  if (before_build.length > 0) return "hooks.before_build may change what it reads";
  if (after_build.length > 0) return "hooks.after_build may change what it made";
  const rival = steps.find(
    ([other, { outputs }]) => other !== name && outputs.some((made) => step.outputs.some((own) => overlaps(made, own))),
  );
  if (rival) return `build.${rival[0]} writes where it does`;
  const unknown = steps
    .slice(0, index)
    .find(([maker, made]) => reads(step, made) && facts.find((fact) => fact.name === maker)?.key === undefined);
  return unknown && `it reads what build.${unknown[0]} makes, and that always runs`;
}

/** What changed since the last release that has outputs of the step. */
function whyOf(
  { at, kept }: Looking,
  { name, key, step }: { name: string; key: string; step: BuildStep },
): { why?: string } {
  const last = kept.find((release) => release.steps[name] !== undefined);
  if (!last) return {};
  if (last.steps[name] === key) return { why: `what it made in ${last.id} was altered` };
  const changed = at.changedSince(last.sha, step);
  const what = changed.length > 0 ? changed.join(", ") : "its inputs, command, environment, tools or dependencies";
  return { why: `${what} changed since ${last.id}` };
}
