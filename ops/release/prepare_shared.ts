#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { change } from "../../scripts/core/change.ts";
import { entry } from "../../scripts/core/entry.ts";
import { UsageError } from "../../scripts/core/errors.ts";

await entry<{ harden?: boolean; move?: string | true; takeOver?: string; to?: string }>({
  name: "release/prepare_shared",
  summary: "Prepare the tree and its state. Phase 1 links shared/ to the checkout and touches no service.",
  options: [
    ["--harden", "phase 2: copy what shared/ links to, prove the copy, and let it take the link's place"],
    [
      "--move [dir]",
      "take over data, .env and database of an application that runs in place (default: the checkout; on a host: deploy_to)",
    ],
    ["--take-over <from>", "only copy one file or directory of state and prove the copy; a step of --dry-run"],
    ["--to <place>", "where --take-over copies to"],
  ],
  async main(call) {
    const { harden, move, takeOver, to } = call.options;
    if (harden && move) throw new UsageError("--harden and --move are two things: give one of them");
    if (takeOver && to) return (await import("../../scripts/shared/take-over.ts")).applyTakeOver(takeOver, to);
    const { prepareShared } = await import("../../scripts/release/prepare_shared.ts");
    const phase = harden ? "harden" : move ? "move" : "link";
    await change(call, prepareShared, { phase, from: typeof move === "string" ? move : undefined });
  },
});
