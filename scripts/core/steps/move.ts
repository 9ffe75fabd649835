import fs from "node:fs";
import path from "node:path";
import { standing, syncDirectory } from "../durable.ts";
import { allOf, command, type MoveStep, quote } from "../step.ts";
import type { Kind } from "./kind.ts";

export const move: Kind<MoveStep> = {
  // `mv` onto a directory would move into it: refused, as rename(2) refuses a directory that is not empty.
  show(step, { opsPath, flags }) {
    const lines = allOf(step).map(({ from, to }) => {
      const rename = command("mv", "--", from, to);
      const unused = command(`${opsPath}/release/prune.ts`, ...flags, "--part", "unused", path.basename(from));
      return `[ ! -e ${quote(to)} ]\n${step.unlessUsed ? `if ${unused}; then ${rename}; fi` : rename}`;
    });
    return lines.join("\n");
  },
  async apply(step, { actions }) {
    const renames = allOf(step);
    const names = renames.map(({ from }) => path.basename(from));
    const used = step.unlessUsed ? await actions.used(path.dirname(step.from), names) : [];
    for (const { from, to } of renames) if (!used.includes(path.basename(from))) fs.renameSync(from, to);
    syncDirectory(path.dirname(step.to));
  },
  done: (step) =>
    allOf(step).every(({ from, to }) => !standing(from) && (step.optional === true || standing(to) !== undefined)),
};
