#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "release/switch_current",
  summary:
    "Make a complete release current: drain, stop, link, start, gate, record. A release that fails its gate is rolled back.",
  arguments: [["<id>", "the release, as ops/release/list.ts names it"]],
  async main(call) {
    const { switchCurrent } = await import("../../scripts/release/switch_current.ts");
    await change(call, switchCurrent, { id: call.args[0] as string });
  },
});
