#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "launchd/install_launchd",
  summary:
    "Make launchd's jobs what the manifest says: show the difference, write, load; remove those that it no longer has.",
  async main(call) {
    const { refuseWithoutLaunchd } = await import("../../scripts/launchd/launchctl.ts");
    const { installLaunchd } = await import("../../scripts/launchd/install_launchd.ts");
    if (!call.options.dryRun) refuseWithoutLaunchd();
    const { hasOnlyDaemons } = await import("../../scripts/launchd/names.ts");
    await change(call, installLaunchd, {}, { keepsRoot: hasOnlyDaemons });
  },
});
