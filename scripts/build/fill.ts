import type { Context } from "../core/context.ts";

/** Fills a release that is being built: what its base has unchanged is shared, the rest comes from the commit. */
export function applyFill(_context: Context, _id: string): void {}
