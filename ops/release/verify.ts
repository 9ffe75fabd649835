#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { answer, entry } from "../../scripts/core/entry.ts";

await entry({
  name: "release/verify",
  summary: "Compare a release with what it was when it was built. Exit code 1 when a file is changed or missing.",
  arguments: [["[id]", "the release (default: current)"]],
  async main(call) {
    const context = await call.context();
    const { observeVerification, renderVerification } = await import("../../scripts/release/verify.ts");
    const found = await observeVerification(context, call.args[0]);
    answer(call.options, found, renderVerification(found));
    return found.is_intact ? 0 : 1;
  },
});
