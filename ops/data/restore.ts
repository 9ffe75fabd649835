#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { answer, entry } from "../../scripts/core/entry.ts";

await entry<{ prove?: boolean; part?: string[] }>({
  name: "data/restore",
  summary: "Bring a backup of the database back; what was there before is kept beside it.",
  arguments: [["[backup]", "its id, as ops/data/backup.ts --list names it (default: latest)"]],
  options: [
    ["--prove", "only restore it into a scratch place and read it there; touches nothing"],
    ["--part <words...>", "only one part of an operation; a step of --dry-run"],
  ],
  examples: ["ops/data/restore.ts latest --yes", "ops/data/restore.ts --prove"],
  async main(call) {
    const { prove, part, yes, dryRun } = call.options;
    if (part) return (await import("../../scripts/database/part-alone.ts")).applyAlone(call, "data/restore", part);
    const id = call.args[0] ?? "latest";
    const { chosenBackup, restore } = await import("../../scripts/data/restore.ts");
    if (!prove) return change(call, restore, { id, yes: yes === true || dryRun === true });
    const context = await call.context();
    const { observeBackups } = await import("../../scripts/database/backups.ts");
    const backup = chosenBackup(context, observeBackups(context.paths), id);
    const { proveBackup } = await import("../../scripts/database/prove.ts");
    const message = await proveBackup(context, backup.id);
    answer(call.options, { backup: backup.id, is_sound: true, message }, message);
  },
});
