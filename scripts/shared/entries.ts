import path from "node:path";
import type { Context } from "../core/context.ts";
import { quote, type Step } from "../core/step.ts";
import type { LinkedFile } from "../manifest/schema/linked.ts";

/** A linked file or directory, and how it stands in `shared/`. */
export interface SharedFact extends LinkedFile {
  kind: "file" | "directory";
  /** Absolute, in `shared/`. */
  sharedPath: string;
  /** Absolute, where `prepare_shared` finds it. */
  sourcePath: string;
  state: "absent" | "link" | "dangling" | "real";
  /** Where a link in `shared/` leads. */
  linkedTo?: string;
  /** On a host only where a folder is named: there is no checkout. */
  hasSource: boolean;
  /** A host has it in `deploy_to`, where an application ran in place. */
  isInPlace?: boolean;
  /** Why what `value_from` names cannot be taken; absent: as far as was looked, it can. */
  valueProblem?: string;
}

/** Phase 1 for one entry: a link to the checkout, or an empty directory; a secret is written by a step of its own. */
export function planEntry(fact: SharedFact): Step[] {
  if (fact.state !== "absent") return [];
  const place = path.dirname(fact.sharedPath);
  const parent: Step[] = fact.shared.includes("/") ? [{ kind: "mkdir", title: `Make ${place}`, path: place }] : [];
  if (fact.hasSource && fact.value_from === undefined)
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

/** Writes the secrets that are missing; on a host they come from the machine that deploys. */
export function planSecrets({ loaded }: Context, shared: SharedFact[]): Step[] {
  const missing = shared.filter(({ state, value_from: from }) => state === "absent" && from !== undefined);
  if (missing.length === 0 || loaded.host !== undefined) return [];
  const names = missing.map((fact) => `shared/${fact.shared}`).join(", ");
  return [{ kind: "run", key: "secrets", title: `Write ${names}`, run: { ops: "host/secrets", args: ["--missing"] } }];
}
