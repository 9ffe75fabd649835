import fs from "node:fs";
import { isRoot, showWriteAsRoot, writeBySudo } from "../as-root.ts";
import { standing, writeDurably } from "../durable.ts";
import type { WriteStep } from "../step.ts";
import { command, quote } from "../step.ts";
import type { Kind } from "./kind.ts";

export const write: Kind<WriteStep> = {
  show(step) {
    if (step.asRoot) return showWriteAsRoot(step.path, step.content);
    const temporary = `${step.path}.new`;
    return [
      `(umask 077 && printf '%s' ${quote(step.content)} >${quote(temporary)})`,
      command("chmod", step.mode.toString(8), temporary),
      command("mv", "-f", "--", temporary, step.path),
    ].join("\n");
  },
  apply: (step) =>
    step.asRoot && !isRoot() ? writeBySudo(step.path, step.content) : writeDurably(step.path, step.content, step.mode),
  done(step) {
    const now = standing(step.path);
    return (
      now?.isFile() === true && (now.mode & 0o777) === step.mode && fs.readFileSync(step.path, "utf8") === step.content
    );
  },
};
