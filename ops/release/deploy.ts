#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { answer, entry } from "../../scripts/core/entry.ts";

await entry<{
  id?: string;
  uploaded?: string;
  cache: boolean;
  ifNew?: boolean;
  restoreData?: boolean;
  keepData?: boolean;
}>({
  name: "release/deploy",
  summary: "Build, switch, gate, record, prune. A release that fails its gate is rolled back, and the exit code is 3.",
  arguments: [["[ref]", "commit, tag or branch (default: source.ref); with source.via: worktree, the release's id"]],
  options: [
    ["--id <id>", "the release's id (default: by release_id in the manifest)"],
    ["--if-new", "fetch, and deploy only a commit that was never deployed here: what the schedule of `update` does"],
    ["--uploaded <id>", "build what another machine has put into incoming/<id>; a step of a deploy to hosts"],
    ["--no-cache", "do all work of the build again: share no file with another release, take no output from one"],
    ["--restore-data", "across a change of the schema: bring back the data that the release had (with --yes)"],
    ["--keep-data", "across a change of the schema: go on with the data as it is"],
  ],
  async main(call) {
    if (call.options.ifNew) {
      const { whyNothingNew } = await import("../../scripts/release/news.ts");
      const why = whyNothingNew(await call.context(), call.args[0], call.options.dryRun);
      if (why !== undefined) return answer(call.options, { outcome: "nothing", message: why }, why);
    }
    const { id, uploaded, cache, dryRun, restoreData, keepData, yes: isSure } = call.options;
    const { deploy } = await import("../../scripts/release/deploy.ts");
    const data = { restoreData, keepData, isSure };
    await change(call, deploy, { ref: call.args[0], id, uploaded, dryRun, isCached: cache, ...data });
  },
});
