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
  host?: string;
  port?: string;
  tokenFile?: string;
  allowHost?: string[];
  allHosts?: boolean;
}>({
  name: "release/release-registry",
  summary: "Read and write the registry of releases, as JSON; serve it over HTTP.",
  arguments: [["<action>", "upsert, list, get, sync or serve"]],
  options: [
    ["--release-id <id>", "upsert, get: the release"],
    ["--commit-sha <sha>", "upsert: the commit it was built from; empty keeps what is known"],
    ["--status <status>", "upsert: its status; list: only those of this status"],
    ["--migration-marker <marker>", "upsert: its schema revision; once set, it is kept when omitted"],
    ["--deployed-at <time>", "upsert: ISO 8601 (default: when it is first deployed or rolled back to)"],
    ["--limit <n>", "list: at most so many (default: 50)"],
    ["--all-hosts", "list, get, serve: what every host told the server of registry.url, with `host` in each row"],
    ["--host <address>", "serve: listens there (default: 127.0.0.1); any but loopback needs a token"],
    ["--port <n>", "serve: and on this port (default: 8787)"],
    ["--token-file <file>", "serve: callers have to show what this file of mode 0600 holds"],
    ["--allow-host <name...>", "serve: names under which it may be asked for, besides its own"],
  ],
  examples: [
    "ops/release/release-registry.ts upsert --release-id v2.0.0 --commit-sha a1b2c3d --status deployed",
    "ops/release/release-registry.ts list --status deployed",
    "ops/release/release-registry.ts get --release-id v2.0.0",
    "ops/release/release-registry.ts sync   # push what waits for the server of registry.url",
    "ops/release/release-registry.ts list --all-hosts --status deployed",
    "ops/release/release-registry.ts serve --port 8787",
  ],
  async main(call) {
    const { runRegistry } = await import("../../scripts/release/registry-command.ts");
    return runRegistry(call);
  },
});
