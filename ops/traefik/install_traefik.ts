#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "traefik/install_traefik",
  summary:
    "Make the files that Traefik watches what the manifest says: shows what changes, checks each alone, writes; Traefik takes them by itself.",
  async main(call) {
    const { installTraefik } = await import("../../scripts/traefik/install_traefik.ts");
    await change(call, installTraefik, {}, { keepsRoot: () => true });
  },
});
