#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { answer, entry } from "../../scripts/core/entry.ts";

await entry<{ limit?: string; all?: boolean; timeline?: boolean }>({
  name: "release/list",
  summary: "List the releases, the newest first; with --timeline, what ran when.",
  options: [
    ["--limit <n>", "at most so many (default: 50)"],
    ["--all", "releases too that are in the registry only: pruned, or never built"],
    ["--timeline", "operations instead of releases: what, outcome, duration, who; the latest first"],
  ],
  examples: ["ops/release/list.ts --json", "ops/release/list.ts --timeline --limit 10"],
  async main(call) {
    const { limit = "50", all, timeline } = call.options;
    const context = await call.context();
    const { countOf } = await import("../../scripts/text/amounts.ts");
    const count = countOf("--limit", limit);
    if (timeline) {
      const { observeTimeline, renderTimeline } = await import("../../scripts/release/timeline.ts");
      const entries = observeTimeline(context.paths, count);
      return answer(call.options, entries, renderTimeline(entries));
    }
    const { observeList, renderList } = await import("../../scripts/release/list.ts");
    const listing = observeList(context, { limit: count, all });
    answer(call.options, listing.releases, renderList(listing));
  },
});
