#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { answer, entry } from "../../scripts/core/entry.ts";
import { EXIT, UsageError } from "../../scripts/core/errors.ts";

await entry<{ lines?: string; follow?: boolean }>({
  name: "service/logs",
  summary: "Show the last lines that the services wrote.",
  arguments: [["[services...]", "which ones (default: all)"]],
  options: [
    ["-n, --lines <n>", "so many of each (default: 50)"],
    ["-f, --follow", "go on with what is written, until interrupted"],
  ],
  examples: ["ops/service/logs.ts web -n 200", "ops/service/logs.ts -f"],
  async main(call) {
    const { lines = "50", follow, json } = call.options;
    if (follow && json) throw new UsageError("--follow has no end, and --json answers once: give one of them");
    const context = await call.context();
    const { countOf } = await import("../../scripts/text/amounts.ts");
    const logs = await import("../../scripts/service/logs.ts");
    const count = countOf("--lines", lines);
    const files = await logs.observeLogFiles(context, call.args as string[]);
    const value = json
      ? files.map((file) => ({ service: file.service, path: file.path, lines: logs.linesOf(file, count) }))
      : [];
    answer(call.options, value, json ? "" : logs.renderLogs(files, count));
    return follow ? logs.followLogs(files) : EXIT.done;
  },
});
