#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { answer, entry } from "../../scripts/core/entry.ts";
import { EXIT, UsageError } from "../../scripts/core/errors.ts";
import { starterNames } from "../../scripts/host/starters.ts";

await entry<{ app?: string; deployTo?: string; port?: string; run?: string; like?: string }>({
  name: "host/init",
  summary: "Look at an application, and write its deploy.yaml and everything that is generated for it.",
  arguments: [["[dir]", "the application's folder (default: this one)"]],
  options: [
    ["--app <name>", "name used in units and sites (default: the package's, or the folder's)"],
    ["--deploy-to <path>", "the tree (default: ~/<app>-deploy)"],
    ["--port <port>", "the port that the service listens on"],
    ["--run <command>", "what starts the service, on one line"],
    ["--like <starter>", `begin with a complete manifest: ${starterNames().join(", ")}`],
  ],
  examples: [
    "npx switchback init",
    "npx switchback init --like medc-annot    # gunicorn under systemd behind nginx",
    'ops/host/init.ts ~/shop --deploy-to /srv/shop --run "node server.js" --port 3001',
  ],
  async main({ args, options }) {
    if (options.manifest || options.env)
      throw new UsageError("init writes a manifest: --manifest and --env mean nothing to it", {
        next: "ops/host/init.ts path/to/application",
      });
    const { init } = await import("../../scripts/host/init.ts");
    const { value, text, isAsWanted } = await init(args[0] ?? ".", options);
    answer(options, value, text);
    return isAsWanted ? EXIT.done : EXIT.failed;
  },
});
