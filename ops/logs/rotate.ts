#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "logs/rotate",
  summary:
    "Copy every log that has reached logs.max_size, and empty it in place: what writes it goes on. For cron and launchd, where no logrotate does it.",
  async main(call) {
    const { rotate } = await import("../../scripts/logs/rotate.ts");
    await change(call, rotate, {});
  },
});
