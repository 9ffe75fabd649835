#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry<{ part?: string[] }>({
  name: "data/migrate",
  summary:
    "Bring the data to the schema of the release that is current: stop, back up, migrate, start, gate. A deploy does it by itself.",
  options: [["--part <words...>", "only one part of a migration; a step of --dry-run"]],
  async main(call) {
    const { part } = call.options;
    if (part) return (await import("../../scripts/data/migration-part.ts")).migrationPart(await call.context(), part);
    const { migrate } = await import("../../scripts/data/migrate.ts");
    await change(call, migrate, {});
  },
});
