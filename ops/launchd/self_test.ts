#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "launchd/self_test",
  summary:
    "Prove on this Mac that launchd does what the suite expects of it, with a throw-away application; --dry-run lists the proofs.",
  async main({ options }) {
    const { selfTest } = await import("../../scripts/launchd/self_test.ts");
    return selfTest({ dryRun: options.dryRun === true });
  },
});
