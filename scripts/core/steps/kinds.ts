import type { Step } from "../step.ts";
import type { Kind } from "./kind.ts";
import { link } from "./link.ts";
import { mkdir } from "./mkdir.ts";
import { move } from "./move.ts";
import { record } from "./record.ts";
import { remove } from "./remove.ts";
import { run } from "./run.ts";
import { wait } from "./wait.ts";
import { write } from "./write.ts";

const kinds = { run, write, mkdir, link, move, remove, wait, record };

/** The one place that knows how a step of this kind is shown, applied and probed. */
export const kindOf = (step: Step) => kinds[step.kind] as unknown as Kind<Step>;
