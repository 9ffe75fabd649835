#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { answer, entry, typedLauncher } from "../../scripts/core/entry.ts";
import { EXIT } from "../../scripts/core/errors.ts";

await entry<{ check?: boolean; force?: boolean }>({
  name: "host/generate",
  summary: "Write the launchers, the crontab, the runbook and the checklist that the manifest beside them asks for.",
  options: [
    ["--check", "change nothing; exit 1 when a file is not as it would be generated, and name it"],
    ["--force", "overwrite what was edited by hand, too"],
  ],
  examples: ["ops/host/generate.ts", "ops/host/generate.ts --check"],
  async main({ options }) {
    const { generate } = await import("../../scripts/host/generate.ts");
    const { value, text, isAsWanted } = await generate({ ...options, launcherPath: typedLauncher });
    answer(options, value, text);
    return isAsWanted ? EXIT.done : EXIT.failed;
  },
});
