#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { answer, entry } from "../../scripts/core/entry.ts";

await entry<{ scheduled?: boolean; list?: boolean; part?: string[] }>({
  name: "data/backup",
  summary: "Back up the database while it is in use, prove the backup, and remove old ones by backups.keep.",
  options: [
    ["--scheduled", "count it as one of the schedule's"],
    ["--list", "only list the backups, the newest first"],
    ["--part <words...>", "only one part of an operation; a step of --dry-run"],
  ],
  async main(call) {
    const { scheduled, list, part } = call.options;
    if (part) return (await import("../../scripts/database/part-alone.ts")).applyAlone(call, "data/backup", part);
    if (list) {
      const { observeListed, renderBackups } = await import("../../scripts/database/list-backups.ts");
      const backups = observeListed(await call.context());
      return answer(call.options, backups, renderBackups(backups));
    }
    const { backup } = await import("../../scripts/data/backup.ts");
    await change(call, backup, { scheduled });
  },
});
