#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { answer, entry } from "../../scripts/core/entry.ts";
import { EXIT } from "../../scripts/core/errors.ts";

await entry<{ out?: string }>({
  name: "host/render",
  summary:
    "Write every file for every target into a folder to read: units, plists, sites, crontab, rotation, runbook. The host is not touched.",
  options: [["--out <dir>", "the folder, made if need be"]],
  examples: ["ops/host/render.ts --out rendered"],
  async main(call) {
    const { renderInto } = await import("../../scripts/host/render.ts");
    const { value, text, isWhole } = await renderInto(await call.context({ isForHosts: true }), call.options);
    answer(call.options, value, text);
    return isWhole ? EXIT.done : EXIT.failed;
  },
});
