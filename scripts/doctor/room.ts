import { observeBuild } from "../build/facts.ts";
import type { Context } from "../core/context.ts";
import { SwitchbackError } from "../core/errors.ts";
import type { TreeFacts } from "../core/observe.ts";
import { observeRoom } from "../core/room.ts";
import { quote } from "../core/step.ts";
import { needsOf, planRoom } from "../room/plan.ts";
import { showBytes } from "../text/amounts.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

const LEAST_BYTES = 200e6;
const LEAST_FILES = 5000;

/** Room for the next release, as a build reckons it; where none was built yet, 200 MB and 5000 files, or twice the largest known. */
export async function checkRoom(context: Context, tree: TreeFacts): Promise<Finding[]> {
  return (await reckoned(context)) ?? guessed(context, tree);
}

/** What the next build of `source.ref` would say; undefined where it cannot tell. */
async function reckoned(context: Context): Promise<Finding[] | undefined> {
  const facts = await observeBuild(context, { dryRun: true }).catch((): undefined => undefined);
  if (!facts || facts.release.isComplete || !facts.room.last?.bytes) return undefined;
  const { freeBytes } = facts.room;
  const needed = `${showBytes(freeBytes)} free in ${context.paths.deployTo}; the next release takes about ${showBytes(needsOf(facts).bytes)}`;
  try {
    const [pruning] = planRoom(context, facts);
    return [
      pruning
        ? note("disk", `${needed}: the next build prunes first`, "ops/release/prune.ts --dry-run")
        : ok("disk", needed),
    ];
  } catch (error) {
    if (!(error instanceof SwitchbackError)) throw error;
    return [wrong("disk", error.message, ...error.next)];
  }
}

function guessed({ paths }: Context, tree: TreeFacts): Finding[] {
  const place = paths.deployTo;
  const { freeBytes, freeFiles } = observeRoom(place);
  const largest = Math.max(0, ...[...tree.rows.values()].map(({ bytes }) => bytes ?? 0));
  const wanted = Math.max(LEAST_BYTES, 2 * largest);
  const free = `${showBytes(freeBytes)} free`;
  const inodes = Number.isFinite(freeFiles) ? ` and ${freeFiles} files` : "";
  if (freeBytes < wanted)
    return [
      wrong(
        "disk",
        `${free} in ${place}; ${showBytes(wanted)} are wanted for the next release`,
        "ops/release/prune.ts --keep 2",
        `df -h ${quote(place)}`,
      ),
    ];
  if (freeFiles < LEAST_FILES)
    return [
      wrong(
        "disk",
        `${freeFiles} inodes free in ${place}; ${LEAST_FILES} are wanted for the next release`,
        "ops/release/prune.ts --keep 2",
        `df -i ${quote(place)}`,
      ),
    ];
  return [ok("disk", `${free}${inodes} in ${place}`)];
}
