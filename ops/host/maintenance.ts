#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "host/maintenance",
  summary: "Let the sites answer with their maintenance page (503, Retry-After), and no longer.",
  arguments: [["<on|off>", "whether the page is shown"]],
  examples: ["ops/host/maintenance.ts on", "ops/host/maintenance.ts off"],
  async main(call) {
    const { maintenance, wantedOf } = await import("../../scripts/host/maintenance.ts");
    const isTraefik = (site: { kind: string }) => site.kind === "traefik";
    // Only Traefik's files may lie where root alone writes.
    const keepsRoot = ({ sites }: { sites: Record<string, { kind: string }> }) => Object.values(sites).some(isTraefik);
    await change(call, maintenance, wantedOf(call.args[0]), { keepsRoot });
  },
});
