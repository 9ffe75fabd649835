import type { Context } from "../core/context.ts";

/** Sets that no release but those in `going` refers to: absolute directories; what is left of unfinished ones too. */
export function observeUnusedSets(_context: Context, _going: string[]): string[] {
  return [];
}
