/**
 * One backup or restore of `<tree>/shared/app.db`, by the functions that operations call: a process to kill.
 * `kill-restore.ts TREE backup|restore BACKUP OPERATION`
 */
import { applyBackup } from "../../scripts/database/apply-backup.ts";
import { applyRestore } from "../../scripts/database/apply-restore.ts";
import { contextOfTree } from "./tree.ts";

const [tree = "", verb, backup = "", operationId = ""] = process.argv.slice(2);
const context = contextOfTree(tree);
const apply = { logPath: "/dev/null", operationId, signal: undefined };
if (verb === "restore") await applyRestore(context, { backup, operationId }, apply);
else
  await applyBackup(
    context,
    { id: operationId, reason: "manual", release_id: null, target_id: null, migration_marker: null },
    apply,
  );
