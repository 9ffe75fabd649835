import fs from "node:fs";
import path from "node:path";
import { isRoot, removeBySudo, removeWords, rootLine } from "../as-root.ts";
import { standing } from "../durable.ts";
import type { RemoveStep } from "../step.ts";
import { command, quote } from "../step.ts";
import type { Kind } from "./kind.ts";

export const remove: Kind<RemoveStep> = {
  // Package managers leave read-only directories behind (Go's module cache): made writable, then removed.
  show(step) {
    if (step.asRoot) return rootLine(command(...removeWords(step.path)));
    const remove = command("rm", "-rf", "--", step.path);
    const guard = step.unless === undefined ? "" : `[ -e ${quote(step.unless)} ] || `;
    return `${guard}${remove} 2>/dev/null || { ${command("chmod", "-R", "u+rwx", "--", step.path)} && ${remove}; }`;
  },
  apply(step) {
    if (step.asRoot && !isRoot()) return removeBySudo(step.path);
    try {
      fs.rmSync(step.path, { recursive: true, force: true });
    } catch {
      openDirectories(step.path);
      fs.rmSync(step.path, { recursive: true, force: true });
    }
  },
  done: (step) => !standing(step.path) || (step.unless !== undefined && fs.existsSync(step.unless)),
};

function openDirectories(directory: string): void {
  fs.chmodSync(directory, 0o700);
  for (const entry of fs.readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) openDirectories(path.join(directory, entry.name));
}
