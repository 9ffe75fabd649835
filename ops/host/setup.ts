#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "host/setup",
  summary:
    "Set the environment's hosts up for their first release: the suite, its runtime, secrets, the tree. Changes nothing twice.",
  examples: ["deploy setup prod", "deploy setup prod --on web2"],
  async main(call) {
    return (await import("../../scripts/host/setup.ts")).setup(call);
  },
});
