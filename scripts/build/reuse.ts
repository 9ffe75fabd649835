import type { Context } from "../core/context.ts";

/** What is taken from where: the outputs of build step `name`, from release `from` into release `id`. */
export interface Reuse {
  id: string;
  name: string;
  from: string;
}

/** Takes a build step's outputs from another release, by reflink where the file system can, else by copy. */
export function applyReuse(_context: Context, _reuse: Reuse): void {}
