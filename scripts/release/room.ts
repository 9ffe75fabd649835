import type { Context } from "../core/context.ts";
import { FailedError } from "../core/errors.ts";
import { type Plan, quote } from "../core/step.ts";
import type { BuildFacts } from "../build/facts.ts";
import { showBytes } from "../text/amounts.ts";

/** What makes room for a build, when that is needed and can be done. @throws FailedError when there is no room. */
export function planRoom(context: Context, { release, room, source, tree }: BuildFacts): Plan[] {
  if (release.isComplete) return [];
  const last = [...tree.rows.values()].find((row) => row.bytes)?.bytes ?? 0;
  const needed = Math.max(last, source.bytes);
  if (needed > room.freeBytes || source.files > room.freeFiles)
    throw new FailedError(
      `no room for a release: about ${showBytes(needed)} and ${source.files} files are needed, ${showBytes(room.freeBytes)}${Number.isFinite(room.freeFiles) ? ` and ${room.freeFiles} files` : ""} are free`,
      {
        next: [
          `${context.opsPath}/release/prune.ts --keep 2`,
          `df -h ${quote(context.paths.deployTo)}; df -i ${quote(context.paths.deployTo)}`,
        ],
      },
    );
  return [];
}
