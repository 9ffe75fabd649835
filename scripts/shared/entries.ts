import path from "node:path";
import { UsageError } from "../core/errors.ts";
import { quote, type Step } from "../core/step.ts";
import type { SharedFact } from "./linked.ts";

/** @throws UsageError that names every linked file that is neither in `shared/` nor in the checkout, and how to make it. */
export function refuseMissing(shared: SharedFact[]): void {
  const missing = shared.filter(
    (fact) =>
      fact.state === "dangling" ||
      (fact.kind === "file" && fact.state === "absent" && !fact.hasSource && !fact.optional),
  );
  if (missing.length === 0) return;
  const lines = missing.map((fact) =>
    fact.state === "dangling"
      ? `${fact.sharedPath} leads to ${fact.linkedTo}, which is gone`
      : `${fact.sharedPath} is missing, and so is ${fact.sourcePath}`,
  );
  throw new UsageError(`linked files are missing:\n${lines.map((line) => `  ${line}`).join("\n")}`, {
    next: missing.map((fact) =>
      fact.state === "dangling"
        ? `rm ${quote(fact.sharedPath)}`
        : `mkdir -p ${quote(path.dirname(fact.sharedPath))} && install -m 600 /dev/null ${quote(fact.sharedPath)}   # then fill it, or mark it optional`,
    ),
  });
}

/** Phase 1 for one entry: a link to the checkout, or an empty directory. */
export function planEntry(fact: SharedFact): Step[] {
  if (fact.state !== "absent") return [];
  const place = path.dirname(fact.sharedPath);
  const parent: Step[] = fact.shared.includes("/") ? [{ kind: "mkdir", title: `Make ${place}`, path: place }] : [];
  if (fact.hasSource)
    return [
      ...parent,
      {
        kind: "link",
        title: `Link shared/${fact.shared} to ${fact.sourcePath}`,
        path: fact.sharedPath,
        target: fact.sourcePath,
      },
    ];
  if (fact.kind === "file" || fact.optional) return parent;
  return [{ kind: "mkdir", title: `Make ${fact.sharedPath}`, path: fact.sharedPath }, ...planMode(fact)];
}

/** The entry's `mode`, where the manifest gives one. */
export const planMode = (fact: SharedFact): Step[] =>
  fact.mode === undefined
    ? []
    : [
        {
          kind: "run",
          key: "chmod",
          title: `Give ${fact.shared} the mode ${fact.mode.toString(8)}`,
          run: {
            lines: [`chmod ${fact.mode.toString(8)} -- ${quote(fact.sharedPath)}`],
            cwd: path.dirname(fact.sharedPath),
            env: {},
          },
        },
      ];
