#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry<{ from?: string; restoreData?: boolean; keepData?: boolean }>({
  name: "release/switch_current",
  summary:
    "Make a complete release current: drain, stop, link, start, gate, record. A release that fails its gate is rolled back.",
  arguments: [["<id>", "the release, as ops/release/list.ts names it"]],
  options: [
    ["--from <id>", "only while this release is current: somebody else may have switched meanwhile"],
    ["--restore-data", "across a change of the schema: bring back the data that the release had (with --yes)"],
    ["--keep-data", "across a change of the schema: go on with the data as it is"],
  ],
  async main(call) {
    const { switchCurrent } = await import("../../scripts/release/switch_current.ts");
    const { from, restoreData, keepData, yes: isSure } = call.options;
    await change(call, switchCurrent, { id: call.args[0] as string, from, restoreData, keepData, isSure });
  },
});
