#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry<{ keep?: string; keepDays?: string; part?: string[] }>({
  name: "release/prune",
  summary: "Remove old releases; never current, the good one before it, a pinned one, or one in use.",
  options: [
    ["--keep <n>", "good releases kept in all (default: keep_releases)"],
    ["--keep-days <n>", "keep those too that were built or last served within so many days (default: prune.keep_days)"],
    ["--part <words...>", "only one part of it, `unused <id>`: whether no process uses a release; a step of --dry-run"],
  ],
  examples: ["ops/release/prune.ts --dry-run", "ops/release/prune.ts --keep 3 --keep-days 14"],
  async main(call) {
    const { prune, refuseUsed } = await import("../../scripts/release/prune.ts");
    const { countOf } = await import("../../scripts/text/amounts.ts");
    const { keep, keepDays, part } = call.options;
    if (part?.[0] === "unused") return refuseUsed(await call.context(), part.slice(1));
    await change(call, prune, {
      keep: keep === undefined ? undefined : countOf("--keep", keep),
      keepDays: keepDays === undefined ? undefined : countOf("--keep-days", keepDays, 0),
    });
  },
});
