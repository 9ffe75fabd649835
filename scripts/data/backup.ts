import type { Context } from "../core/context.ts";
import { observeTree, type TreeFacts } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import type { Plan } from "../core/step.ts";
import type { BackupFact } from "../database/backups.ts";
import { judgeBackups } from "../database/retention.ts";
import { type DatabaseState, observeDatabase, refuseNoRoom, refuseWithout } from "../database/state.ts";
import { backupStep, removeBackup } from "../database/steps.ts";

export interface BackupArgs {
  /** By the manifest's `backups.schedule`. */
  scheduled?: boolean | undefined;
}

export interface BackupFacts {
  tree: TreeFacts;
  database: DatabaseState;
}

/** `ops/data/backup.ts`: a consistent, proven backup, while everything runs; then those go that `backups.keep` does not keep. */
export const backup: Operation<BackupFacts, BackupArgs> = {
  kind: "backup",
  observe: (context) => ({ tree: observeTree(context.paths), database: observeDatabase(context) }),
  plan: (context, facts, args) => [planBackup(context, facts, args)],
};

function planBackup(context: Context, { tree, database }: BackupFacts, { scheduled }: BackupArgs): Plan {
  refuseWithout(context);
  const title = "Back up the database";
  if (!database.isThere) {
    const done = `${database.file} does not exist yet: there is nothing to back up.`;
    return { title, steps: [], discard: [], revert: [], done };
  }
  refuseNoRoom(context, database.bytes, database.freeBytes);
  const reason = scheduled ? "scheduled" : "manual";
  const release_id = tree.current.releaseId ?? null;
  const migration_marker = tree.rows.get(release_id ?? "")?.migration_marker ?? null;
  const made = { id: "", reason, created_at: tree.now.toISOString(), release_id, target_id: null } as const;
  const going = goingOf(context, tree, [made, ...database.backups]);
  return {
    title,
    notes: going.map(({ id, why }) => `goes   ${id}  ${why}`),
    steps: [
      backupStep(reason, { release_id, migration_marker }),
      ...going.flatMap(({ id }) => removeBackup(context.paths, id)),
    ],
    discard: [],
    revert: [],
    done: `The database is backed up${going.length > 0 ? `; ${going.length} older ${going.length === 1 ? "one is" : "ones are"} removed` : ""}.`,
  };
}

// Those of migrations and restores go with their releases: `prune` removes them.
function goingOf(
  { manifest }: Context,
  tree: TreeFacts,
  backups: Pick<BackupFact, "id" | "reason" | "created_at" | "release_id" | "target_id">[],
) {
  const counted = backups.filter(({ reason }) => reason === "scheduled" || reason === "manual");
  return judgeBackups(counted, { keep: manifest.backups?.keep, releases: new Set(tree.ids) }).filter(
    ({ goes }) => goes,
  );
}
