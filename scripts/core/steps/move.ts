import fs from "node:fs";
import path from "node:path";
import { standing, syncDirectory } from "../durable.ts";
import type { MoveStep } from "../step.ts";
import { command, quote } from "../step.ts";
import type { Kind } from "./kind.ts";

export const move: Kind<MoveStep> = {
  // `mv` onto a directory would move into it: refused, as rename(2) refuses a directory that is not empty.
  show: (step) => `[ ! -e ${quote(step.to)} ]\n${command("mv", "--", step.from, step.to)}`,
  apply(step) {
    fs.renameSync(step.from, step.to);
    syncDirectory(path.dirname(step.to));
  },
  done: (step) => !standing(step.from) && (step.optional === true || standing(step.to) !== undefined),
};
