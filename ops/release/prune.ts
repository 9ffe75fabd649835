#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry<{ keep?: string }>({
  name: "release/prune",
  summary: "Remove old releases; never current, the good one before it, a pinned one, or one in use.",
  options: [["--keep <n>", "good releases kept in all (default: keep_releases)"]],
  async main(call) {
    const { keepOf, prune } = await import("../../scripts/release/prune.ts");
    await change(call, prune, { keep: keepOf(call.options.keep) });
  },
});
