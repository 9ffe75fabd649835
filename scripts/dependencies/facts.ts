import type { Context } from "../core/context.ts";
import type { SourceFacts } from "../build/source.ts";

/** A dependency set that a release links to, as it stands. */
export interface SetFact {
  /** Its name in the manifest. */
  name: string;
  /** sha256 over lockfiles, command, runtime version and platform, 16 hex digits; empty for an environment outside of the tree. */
  key: string;
  /** Absolute: `shared/deps/<name>/<key>`, or the environment outside of the tree. */
  directory: string;
  /** It has its `.complete`, and nothing has to be done but to link it. */
  isComplete: boolean;
  /** Why it cannot be used or made: a lockfile that is not there, a tool, an environment that is gone. */
  problems: string[];
}

/** Looks at the manifest's dependency sets for a source. */
export function observeSets(_context: Context, _source: SourceFacts): SetFact[] {
  return [];
}
