#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { entry } from "../../scripts/core/entry.ts";

await entry({
  name: "release/unpin",
  summary: "Let a pinned release be pruned again when its time comes.",
  arguments: [["<id>", "the release, as ops/release/list.ts names it"]],
  async main(call) {
    const { pinOrUnpin } = await import("../../scripts/release/pin.ts");
    await pinOrUnpin(call, "unpin");
  },
});
