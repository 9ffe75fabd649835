#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "schedule/install_crontab",
  summary:
    "Make the owner's crontab start the manifest's jobs: shows what changes, writes one block between markers, and leaves all other lines as they are.",
  async main(call) {
    const { installCrontab } = await import("../../scripts/schedule/install_crontab.ts");
    await change(call, installCrontab, {});
  },
});
