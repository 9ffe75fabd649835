#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry<{ id?: string }>({
  name: "release/deploy",
  summary: "Build, switch, gate, record, prune. A release that fails its gate is rolled back, and the exit code is 3.",
  arguments: [["[ref]", "commit, tag or branch (default: source.ref); with source.via: worktree, the release's id"]],
  options: [["--id <id>", "the release's id (default: by release_id in the manifest)"]],
  async main(call) {
    const { id, dryRun } = call.options;
    const { deploy } = await import("../../scripts/release/deploy.ts");
    await change(call, deploy, { ref: call.args[0], id, dryRun });
  },
});
