import type { Context } from "../core/context.ts";
import type { TreeFacts } from "../core/observe.ts";
import type { SourceFacts } from "./source.ts";

/** The release whose unchanged files a build of this source shares; undefined where there is none that can be told apart. */
export function observeBase(_context: Context, _source: SourceFacts, _tree: TreeFacts): string | undefined {
  return undefined;
}
