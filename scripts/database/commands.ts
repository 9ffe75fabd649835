import fs from "node:fs";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { runShell } from "../core/shell.ts";
import type { ApplyContext } from "../core/steps/kind.ts";

type Applying = Pick<ApplyContext, "logPath" | "operationId" | "signal">;
type Verb = "backup" | "restore" | "prove";

/**
 * Runs one of the manifest's commands for a database, with `BACKUP_FILE` and `DEPLOY_TO` set, in the release that is current, or in
 * `shared/` before there is one. What it prints goes to the operation's log.
 */
export async function runDatabaseLines(context: Context, verb: Verb, file: string, apply: Applying): Promise<void> {
  const { paths, manifest } = context;
  const lines = manifest.database?.[verb];
  if (!lines) throw new UsageError(`the manifest has no database.${verb}`, { next: "name it in deploy.yaml" });
  const cwd = [paths.current, paths.shared].find((place) => fs.existsSync(place)) ?? paths.deployTo;
  const env = { BACKUP_FILE: file, DEPLOY_TO: paths.deployTo };
  // A backup is for its owner alone, from its first byte on.
  const mask = verb === "backup" ? ["umask 077"] : [];
  await runShell({ lines: [...mask, ...lines], cwd, env }, `database.${verb}`, apply as ApplyContext);
}

/** Tries a backup by `database.prove`, where the manifest has one. */
export async function proveByCommand(context: Context, file: string, apply: Applying): Promise<void> {
  if (context.manifest.database?.prove) await runDatabaseLines(context, "prove", file, apply);
}
