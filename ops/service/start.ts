#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry<{ recorded?: boolean; wait: boolean }>({
  name: "service/start",
  summary: "Start the services of the current release that do not run, and wait until they are healthy.",
  arguments: [["[services...]", "which ones (default: all)"]],
  options: [
    ["--recorded", "as the current release last ran healthy, instead of as the manifest says now"],
    ["--no-wait", "do not wait until they are healthy"],
  ],
  async main(call) {
    const { recorded, wait } = call.options;
    const { startServices } = await import("../../scripts/service/start.ts");
    await change(call, startServices, { names: call.args as string[], recorded, wait });
  },
});
