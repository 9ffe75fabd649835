import fs from "node:fs";
import path from "node:path";
import { suitePath } from "../core/context.ts";
import { standing } from "../core/durable.ts";
import type { Paths } from "../core/paths.ts";
import type { Step } from "../core/step.ts";
import { usersBelow } from "../processes/users-below.ts";
import { compareVersions } from "../suite/versions.ts";

/** The newest ones stay: machines that deploy need not all have the same version. */
const KEPT = 2;

/**
 * Versions of the suite in the tree that nothing needs any more, absolute: units, cron lines and the runbook go through `ops`. Stays: the
 * one that `ops` leads to, the one that runs, what a process has open, and the newest two.
 */
export function observeOldSuites({ suite, ops }: Paths): string[] {
  const versions = (fs.existsSync(suite) ? fs.readdirSync(suite) : [])
    .filter((name) => !name.startsWith(".") && fs.existsSync(path.join(suite, name, "package.json")))
    // One that is a link was not put here by us.
    .filter((name) => standing(path.join(suite, name))?.isDirectory())
    .toSorted(compareVersions);
  if (versions.length <= KEPT) return [];
  const real = (place: string) => (fs.existsSync(place) ? fs.realpathSync(place) : "");
  const needed = new Set([path.dirname(real(ops)), real(suitePath)]);
  const used = usersBelow(suite);
  return versions
    .slice(0, -KEPT)
    .filter((name) => !used.has(name) && !needed.has(real(path.join(suite, name))))
    .map((name) => path.join(suite, name));
}

/** Removes them; that one of them cannot be removed keeps nobody from pruning. */
export const planOldSuites = (places: string[]): Step[] =>
  places.map((place) => ({
    kind: "remove",
    title: `Remove the suite ${path.basename(place)}`,
    path: place,
    optional: true,
  }));
