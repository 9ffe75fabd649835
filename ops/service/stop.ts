#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "service/stop",
  summary: "Stop the services: TERM, and KILL for what is left after stop_timeout.",
  arguments: [["[services...]", "which ones (default: all that run)"]],
  async main(call) {
    const { stopServices } = await import("../../scripts/service/stop.ts");
    await change(call, stopServices, { names: call.args as string[] });
  },
});
