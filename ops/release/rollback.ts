#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "release/rollback",
  summary: "Go back to the release that served before, or to the named one; run again, it goes further back.",
  arguments: [["[id]", "the release to go back to (default: the good one that served before)"]],
  async main(call) {
    const { rollback } = await import("../../scripts/release/rollback.ts");
    await change(call, rollback, { id: call.args[0] });
  },
});
