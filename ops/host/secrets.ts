#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { entry } from "../../scripts/core/entry.ts";
import type { SecretsOptions } from "../../scripts/host/secrets.ts";

await entry<SecretsOptions>({
  name: "host/secrets",
  summary:
    "Write the linked files that have a value_from into shared/, here or on the environment's hosts. Shows no value.",
  options: [
    ["--check", "only say what differs; exit 1 when something does"],
    ["--missing", "only create what is missing, and warn of what differs"],
    ["--receive", "what this machine is sent by another one, over ssh"],
  ],
  examples: ["deploy secrets prod", "deploy secrets prod --check"],
  async main(call) {
    if (call.options.receive) return (await import("../../scripts/secrets/receive.ts")).receive();
    return (await import("../../scripts/host/secrets.ts")).secrets(call);
  },
});
