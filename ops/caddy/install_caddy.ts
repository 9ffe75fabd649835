#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "caddy/install_caddy",
  summary:
    "Make Caddy's sites what the manifest says: shows what changes, checks each alone, writes, tests all, reloads; a site that fails is put back.",
  async main(call) {
    const { installCaddy } = await import("../../scripts/caddy/install_caddy.ts");
    await change(call, installCaddy, {}, { keepsRoot: () => true });
  },
});
