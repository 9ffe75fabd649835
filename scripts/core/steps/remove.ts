import fs from "node:fs";
import path from "node:path";
import { isRoot, removeBySudo, removeWords, rootLine } from "../as-root.ts";
import { standing } from "../durable.ts";
import { allOf, command, quote, type RemoveStep } from "../step.ts";
import type { ApplyContext, Kind } from "./kind.ts";

export const remove: Kind<RemoveStep> = {
  // Package managers leave read-only directories behind (Go's module cache): made writable, then removed. Never the files in them:
  // another release may have those under the same inode.
  show(step) {
    if (step.asRoot) return rootLine(command(...removeWords(step.path)));
    const lines = allOf(step).map(({ path: place, unless }) => {
      const line = command("rm", "-rf", "--", place);
      const guard = unless === undefined ? "" : `[ -e ${quote(unless)} ] || `;
      return `${guard}${line} 2>/dev/null || { ${command("find", place, "-type", "d", "-exec", "chmod", "u+rwx", "{}", ";")} && ${line}; }`;
    });
    return lines.join("\n");
  },
  async apply(step, context) {
    if (step.asRoot && !isRoot()) return removeBySudo(step.path);
    const places = allOf(step).filter(isToGo);
    if (places.length > 1) await removeMany(places, context);
    // What is left of many, too: a directory that is read-only.
    for (const { path: place } of places) if (standing(place)) removeOne(place);
  },
  done: (step) => !allOf(step).some(isToGo),
};

const isToGo = ({ path: place, unless }: Pick<RemoveStep, "path" | "unless">) =>
  standing(place) !== undefined && (unless === undefined || !fs.existsSync(unless));

async function removeMany(places: { path: string }[], { operationId }: ApplyContext): Promise<void> {
  const { removeAtOnce } = await import("../remove-many.ts");
  await removeAtOnce(
    places.map((one) => one.path),
    operationId,
  );
}

function removeOne(place: string): void {
  try {
    fs.rmSync(place, { recursive: true, force: true });
  } catch {
    openDirectories(place);
    fs.rmSync(place, { recursive: true, force: true });
  }
}

function openDirectories(directory: string): void {
  fs.chmodSync(directory, 0o700);
  for (const entry of fs.readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) openDirectories(path.join(directory, entry.name));
}
