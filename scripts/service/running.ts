import fs from "node:fs";
import { realPath } from "../core/real-path.ts";
import type { ServicePlace } from "./definition.ts";
import { environmentOf, observeProcess, type ProcessFacts, startedAt } from "../processes/processes.ts";
import type { ServiceState } from "./supervisor.ts";

/** The state of a service that runs; `members` are all its processes, the main one among them. */
export const runningState = (
  name: string,
  main: ProcessFacts,
  members: readonly ProcessFacts[],
  releaseId: string | undefined,
): ServiceState => ({
  name,
  state: "running",
  pid: main.pid,
  startTime: main.startTime,
  startedAt: startedAt(main),
  ...(releaseId === undefined ? {} : { releaseId }),
  processes: members.map(({ pid }) => pid),
  pidFile: "ok",
});

/** The id of the release that a working directory lies in; undefined for one that lies elsewhere, or is not known. */
export function releaseOfDirectory(place: ServicePlace, directory: string | undefined): string | undefined {
  const releases = realPath(place.releasesPath ?? `${place.deployTo}/releases`);
  // Linux says " (deleted)" behind the name of one that is gone.
  return directory?.startsWith(`${releases}/`) ? directory.slice(releases.length + 1).split(/[/ ]/)[0] : undefined;
}

/** The id of the release that a process works in, else of the one that its launcher told it. */
export const releaseOfProcess = (place: ServicePlace, pid: number): string | undefined =>
  releaseOfDirectory(place, observeProcess(pid)?.cwd) ?? environmentOf(pid)?.["RELEASE_ID"];

/** The id of the release that `current` names, for a process that its manager started from there since the link was made. */
export function releaseSinceLink({ currentPath }: ServicePlace, main: ProcessFacts): string | undefined {
  const link = fs.lstatSync(currentPath, { throwIfNoEntry: false });
  return link !== undefined && startedAt(main) > link.mtime ? realPath(currentPath).split("/").at(-1) : undefined;
}
