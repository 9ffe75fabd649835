#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry<{ id?: string; uploaded?: string; cache: boolean; part?: string[] }>({
  name: "release/build_release",
  summary: "Build a release from a commit, tag or branch. Touches nothing that serves.",
  arguments: [["[ref]", "commit, tag or branch (default: source.ref); with source.via: worktree, the release's id"]],
  options: [
    ["--id <id>", "the release's id (default: by release_id in the manifest)"],
    ["--uploaded <id>", "build what another machine has put into incoming/<id>; a step of a deploy to hosts"],
    ["--no-cache", "do all work of the build again: share no file with another release, take no output from one"],
    ["--part <words...>", "only one part of a build; a step of --dry-run"],
  ],
  examples: ["ops/release/build_release.ts", "ops/release/build_release.ts v2.0.0 --id v2.0.0"],
  async main(call) {
    const { id, uploaded, cache, part, dryRun } = call.options;
    if (part) return (await import("../../scripts/build/part.ts")).applyPart(await call.context(), part);
    const { buildRelease } = await import("../../scripts/release/build_release.ts");
    await change(call, buildRelease, { ref: call.args[0], id, uploaded, dryRun, isCached: cache });
  },
});
