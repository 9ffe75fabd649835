#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { answer, entry } from "../../scripts/core/entry.ts";

await entry({
  name: "service/status",
  summary:
    "Show each service: state, pid, port, URL, release, log. Exit code 1 unless all of them run from the current release.",
  arguments: [["[services...]", "which ones (default: all)"]],
  async main(call) {
    const context = await call.context();
    const { observeServices, renderServices } = await import("../../scripts/service/status.ts");
    const status = await observeServices(context, call.args as string[]);
    answer(call.options, status, renderServices(status));
    return status.is_serving ? 0 : 1;
  },
});
