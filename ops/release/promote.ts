#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "release/promote",
  summary:
    "Turn an environment that releases borrow, such as the checkout's .venv, into a dependency set of their own: make it, stop, link, start, gate. If the gate fails, the borrowed one comes back.",
  arguments: [["[name]", "one of the manifest's dependencies (default: all that the current release borrows)"]],
  async main(call) {
    const { promote } = await import("../../scripts/release/promote.ts");
    await change(call, promote, { name: call.args[0] });
  },
});
