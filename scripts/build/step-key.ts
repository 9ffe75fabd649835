import { createHash } from "node:crypto";
import type { BuildStep } from "../../manifest.schema.ts";

/** All that decides what a build step makes. */
export interface KeyParts {
  step: Pick<BuildStep, "run" | "dir" | "outputs" | "env">;
  /** Place → what the source has there, of the inputs and of where the outputs go. */
  contents: [place: string, id: string][];
  /** `source.exclude`: what of the inputs a release goes without. */
  exclude: string[];
  /** Linked files that lie in an input: place → hash of what is in `shared/`. */
  linked: [place: string, hash: string][];
  /** Real path and version of each tool in `needs`, as it is found by its name. */
  tools: string[][];
  /** Dependency sets: name → key. */
  sets: [name: string, key: string][];
  /** Steps whose outputs are this one's inputs: name → key. */
  behind: [name: string, key: string][];
}

/**
 * The key of a build step: sha256 over all that decides what it makes, 64 hex digits. `RELEASE_ID` and `RELEASE_PATH` are in a step's
 * environment and change each time, so they are not part of it: a step whose outputs hold one of them must not declare outputs.
 */
export function stepKey({ step, ...parts }: KeyParts): string {
  const { run, dir, outputs, env } = step;
  const text = JSON.stringify({
    format: 1,
    platform: [process.platform, process.arch],
    run,
    dir,
    outputs,
    env: sorted(Object.entries(env)),
    contents: sorted(parts.contents),
    exclude: parts.exclude,
    linked: sorted(parts.linked),
    tools: sorted(parts.tools),
    sets: sorted(parts.sets),
    behind: sorted(parts.behind),
  });
  return createHash("sha256").update(text).digest("hex");
}

const sorted = <T extends string[]>(rows: T[]): T[] => [...rows].sort((a, b) => ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1));
