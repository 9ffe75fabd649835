import type { Tool } from "../build/tools.ts";
import type { Context } from "../core/context.ts";
import type { SetFact } from "../dependencies/facts.ts";

/** The key of a dependency set that stands in generated pages for a real one. */
export const EXAMPLE_KEY = "0f3a9c5e71b24d68";

/** The dependency sets of a manifest, none of which is made yet. */
export const exampleSets = ({ manifest, paths }: Context): SetFact[] =>
  Object.entries(manifest.dependencies).map(([name, { use, needs }]) => ({
    name,
    key: use === undefined ? EXAMPLE_KEY : "",
    directory: use ?? `${paths.deps}/${name}/${EXAMPLE_KEY}`,
    isComplete: use !== undefined,
    isBroken: false,
    tools: needs.map(exampleTool),
    problems: [],
    next: [],
  }));

/** A tool that is found by its name. */
export function exampleTool(need: string): Tool {
  const name = /^[^\s<>=!]+/.exec(need)?.[0] ?? need;
  return { need, name, path: name };
}
