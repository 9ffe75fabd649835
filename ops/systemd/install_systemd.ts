#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "systemd/install_systemd",
  summary:
    "Make systemd's units what the manifest says: shows what changes, verifies, writes, reloads, enables, and removes units that the manifest no longer has.",
  async main(call) {
    const { installSystemd } = await import("../../scripts/systemd/install_systemd.ts");
    await change(call, installSystemd, {}, { keepsRoot: ({ supervisor }) => supervisor === "systemd" });
  },
});
