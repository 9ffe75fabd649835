#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { answer, entry } from "../../scripts/core/entry.ts";

await entry({
  name: "release/status",
  summary:
    "Show what serves, since when, and where a rollback goes. Exit code 1 unless all services run from the current release.",
  async main(call) {
    const context = await call.context();
    const { observeStatus, renderStatus } = await import("../../scripts/release/status.ts");
    const status = await observeStatus(context);
    answer(call.options, status, renderStatus(status));
    return status.is_serving ? 0 : 1;
  },
});
