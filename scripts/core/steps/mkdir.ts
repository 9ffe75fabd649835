import fs from "node:fs";
import type { MkdirStep } from "../step.ts";
import { command } from "../step.ts";
import type { Kind } from "./kind.ts";

export const mkdir: Kind<MkdirStep> = {
  show: (step) => command("mkdir", "-p", "--", step.path),
  apply: (step) => void fs.mkdirSync(step.path, { recursive: true }),
  done: (step) => fs.statSync(step.path, { throwIfNoEntry: false })?.isDirectory() === true,
};
