#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "release/recover",
  summary: "Finish or undo what a crash interrupted. Every command that changes something does this first, by itself.",
  async main(call) {
    const { recover } = await import("../../scripts/release/recover.ts");
    await change(call, recover, {});
  },
});
