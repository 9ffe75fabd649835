#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "host/attend",
  summary: "The other end of a command that was given from afar: what ssh starts on a host. Nobody types it.",
  async main() {
    const [{ attend }, { Controls }] = await Promise.all([
      import("../../scripts/remote/attend.ts"),
      import("../../scripts/remote/controls.ts"),
    ]);
    return attend(new Controls(process.stdin));
  },
});
