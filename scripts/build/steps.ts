import type { Context } from "../core/context.ts";
import type { TreeFacts } from "../core/observe.ts";
import type { SetFact } from "../dependencies/facts.ts";
import type { SourceFacts } from "./source.ts";
import type { Tool } from "./tools.ts";

/** A build step whose work can be told by a key: it has `inputs` and `outputs`. */
export interface StepFact {
  name: string;
  /** sha256 over the git trees of `inputs`, the command, its environment, its tools' versions and the dependency keys. */
  key: string;
  /** The release whose outputs are taken instead of running the step. */
  from?: string;
}

interface StepSources {
  source: SourceFacts;
  tools: Tool[];
  sets: SetFact[];
  skipped: string[];
  tree: TreeFacts;
  isCached: boolean;
}

/** Looks at every build step that can be skipped, and for the last release that has its outputs. */
export function observeSteps(_context: Context, _sources: StepSources): StepFact[] {
  return [];
}
