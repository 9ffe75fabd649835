#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry<{ restoreData?: boolean; keepData?: boolean }>({
  name: "release/rollback",
  summary: "Go back to the release that served before, or to the named one; run again, it goes further back.",
  arguments: [["[id]", "the release to go back to (default: the good one that served before)"]],
  options: [
    ["--restore-data", "across a change of the schema: bring back the data that the release had (with --yes)"],
    ["--keep-data", "across a change of the schema: go on with the data as it is"],
  ],
  async main(call) {
    const { rollback } = await import("../../scripts/release/rollback.ts");
    const { restoreData, keepData, yes: isSure } = call.options;
    await change(call, rollback, { id: call.args[0], restoreData, keepData, isSure });
  },
});
