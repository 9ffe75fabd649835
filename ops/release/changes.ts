#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { answer, entry } from "../../scripts/core/entry.ts";

await entry({
  name: "release/changes",
  summary:
    "Show the commits and files that differ between two releases, or between what serves and what would be deployed.",
  arguments: [
    ["[from]", "a release, commit, tag or branch (default: the current release)"],
    ["[to]", "likewise (default: source.ref)"],
  ],
  examples: ["ops/release/changes.ts", "ops/release/changes.ts v1.0.1 v2.0.0"],
  async main(call) {
    const context = await call.context();
    const { observeChanges, renderComparison } = await import("../../scripts/release/changes.ts");
    const changes = observeChanges(context, call.args[0], call.args[1]);
    answer(call.options, changes, renderComparison(changes));
  },
});
