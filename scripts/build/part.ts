import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { applyRelink } from "../dependencies/relink.ts";
import { applySetSeal } from "../dependencies/seal-set.ts";
import { applyFill } from "./fill.ts";
import { applyReuse } from "./reuse.ts";
import { applySeal } from "./seal.ts";

/** The parts of a build that are steps of their own: `build_release.ts --part NAME WORD…`. */
const PARTS: Record<string, (context: Context, words: string[]) => void | Promise<void>> = {
  fill: (context, [id = ""]) => applyFill(context, id),
  reuse: (context, [id = "", name = "", from = ""]) => applyReuse(context, { id, name, from }),
  seal: (context, [id = ""]) => applySeal(context, id),
  relink: (context, [id = ""]) => applyRelink(context, id),
  "seal-set": (context, [name = "", key = ""]) => applySetSeal(context, { name, key }),
};

/** Does one part of a build. @throws UsageError for a part that there is not. */
export async function applyPart(context: Context, [name = "", ...words]: string[]): Promise<void> {
  const part = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined;
  if (!part) throw new UsageError(`there is no part ${JSON.stringify(name)}: ${Object.keys(PARTS).join(", ")}`);
  await part(context, words);
}
