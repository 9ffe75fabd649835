#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { answer, entry, typedLauncher } from "../../scripts/core/entry.ts";
import { EXIT } from "../../scripts/core/errors.ts";

await entry({
  name: "host/doctor",
  summary:
    "Look whether the next command would work: tools, versions, manifest, tree, permissions, ports, manager, proxies, sudo, room. Exit code 1 when something is wrong.",
  async main({ options }) {
    const { diagnose, renderFindings } = await import("../../scripts/host/doctor.ts");
    const findings = await diagnose({ ...options, launcherPath: typedLauncher });
    const isWell = findings.every(({ level }) => level !== "wrong");
    answer(options, { ok: isWell, findings }, renderFindings(findings));
    return isWell ? EXIT.done : EXIT.failed;
  },
});
