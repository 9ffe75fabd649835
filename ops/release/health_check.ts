#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { answer, entry } from "../../scripts/core/entry.ts";

await entry<{
  release?: string;
  recorded?: boolean;
  smoke?: boolean;
  untilIdle?: boolean;
  strict?: boolean;
  only?: string;
}>({
  name: "release/health_check",
  summary:
    "Prove that the current release is healthy: the processes that answer are its own, and stay up. Exit code 1 when not.",
  options: [
    ["--release <id>", "the release that must be current"],
    ["--recorded", "with the services and checks that it last ran healthy with, instead of the manifest's"],
    ["--smoke", "the smoke requests too"],
    ["--only <services>", "only these services, joined by commas"],
    ["--until-idle", "wait until no job runs and the application is idle, as drain says, instead"],
    ["--strict", "with --until-idle: a job that still runs at the end is a failure, whatever drain.then says"],
  ],
  async main(call) {
    const context = await call.context();
    const { checkHealth } = await import("../../scripts/release/health_check.ts");
    const { value, text } = await checkHealth(context, call.options);
    answer(call.options, value, call.options.quiet ? "" : text);
  },
});
