import type { Context } from "../core/context.ts";
import type { TreeFacts } from "../core/observe.ts";
import type { Step } from "../core/step.ts";
import type { BackupFact } from "./backups.ts";
import { type BackupVerdict, judgeBackups } from "./retention.ts";
import { removeBackup } from "./steps.ts";

/** Each backup and why it stays or goes, once the releases of `going` are gone. */
export const judgeAfter = (
  { manifest }: Context,
  backups: readonly BackupFact[],
  tree: Pick<TreeFacts, "ids">,
  going: readonly string[],
): BackupVerdict[] =>
  judgeBackups(backups, {
    keep: manifest.backups?.keep,
    releases: new Set(tree.ids.filter((id) => !going.includes(id))),
  });

/** Removes the backups that nothing keeps any more. */
export const planUnusedBackups = (context: Context, verdicts: readonly BackupVerdict[]): Step[] =>
  verdicts.filter(({ goes }) => goes).flatMap(({ id }) => removeBackup(context.paths, id));

/** Why each backup stays or goes, for a person. */
export const noteBackups = (verdicts: readonly BackupVerdict[]): string[] =>
  verdicts.map(({ id, goes, why }) => `${goes ? "goes " : "stays"}  backup ${id}  ${why}`);
