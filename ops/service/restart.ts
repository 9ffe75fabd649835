#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry<{ recorded?: boolean; wait: boolean }>({
  name: "service/restart",
  summary: "Stop and start the services of the current release, and wait until they are healthy.",
  arguments: [["[services...]", "which ones (default: all)"]],
  options: [
    ["--recorded", "as the current release last ran healthy, instead of as the manifest says now"],
    ["--no-wait", "do not wait until they are healthy"],
  ],
  async main(call) {
    const { recorded, wait } = call.options;
    const { restartServices } = await import("../../scripts/service/restart.ts");
    await change(call, restartServices, { names: call.args as string[], recorded, wait });
  },
});
