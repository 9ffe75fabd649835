#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { entry } from "../../scripts/core/entry.ts";

await entry<{
  releaseId?: string;
  commitSha?: string;
  status?: string;
  migrationMarker?: string;
  deployedAt?: string;
  limit?: string;
}>({
  name: "release/release-registry",
  summary: "Read and write the registry of releases, as JSON.",
  arguments: [["<action>", "upsert, list or get"]],
  options: [
    ["--release-id <id>", "upsert, get: the release"],
    ["--commit-sha <sha>", "upsert: the commit it was built from; empty keeps what is known"],
    ["--status <status>", "upsert: its status; list: only those of this status"],
    ["--migration-marker <marker>", "upsert: its schema revision; once set, it is kept when omitted"],
    ["--deployed-at <time>", "upsert: ISO 8601 (default: when it is first deployed or rolled back to)"],
    ["--limit <n>", "list: at most so many (default: 50)"],
  ],
  examples: [
    "ops/release/release-registry.ts upsert --release-id v2.0.0 --commit-sha a1b2c3d --status deployed",
    "ops/release/release-registry.ts list --status deployed",
    "ops/release/release-registry.ts get --release-id v2.0.0",
  ],
  async main(call) {
    const { runRegistry } = await import("../../scripts/release/registry-command.ts");
    return runRegistry(call);
  },
});
