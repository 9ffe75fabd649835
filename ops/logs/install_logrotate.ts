#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "logs/install_logrotate",
  summary:
    "Make /etc/logrotate.d rotate the manifest's logs: shows what changes, lets logrotate check it, writes it, and removes it when logs is no longer set.",
  async main(call) {
    const { installLogrotate } = await import("../../scripts/logs/install_logrotate.ts");
    await change(call, installLogrotate, {}, { keepsRoot: () => true });
  },
});
