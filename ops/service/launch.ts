#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { entry } from "../../scripts/core/entry.ts";

await entry<{ dir?: string; envFile?: string[]; port?: string; hold?: string }>({
  name: "service/launch",
  summary:
    "Run one command in the foreground, in place of this one: for launchd and cron, which read no environment file.",
  arguments: [["<words...>", "the command; ${NAME} is filled from its environment, $$ is a dollar sign"]],
  options: [
    ["--dir <dir>", "its working directory"],
    ["--env-file <file...>", "a file of NAME=value lines, by systemd's rules; -FILE may be absent; a later one wins"],
    ["--port <n>", "PORT in its environment"],
    ["--hold <file>", "wait while this file is there: data is being changed"],
  ],
  examples: ["ops/service/launch.ts --dir current/backend --env-file .env -- .venv/bin/python -m app.worker"],
  async main({ args, options }) {
    const { launchForeground } = await import("../../scripts/service/foreground.ts");
    return launchForeground(args as string[], options);
  },
});
