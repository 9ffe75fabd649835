import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { observeTree, type TreeFacts } from "../core/observe.ts";
import { observeRoom } from "../core/room.ts";
import { refuseUnsupported } from "../manifest/supervisor-limits.ts";
import { hasJobs, runningJobs } from "../schedule/running-jobs.ts";
import { whyNoValue } from "../secrets/values.ts";
import { definitionsOf, recordedManifest } from "../service/definitions.ts";
import { runningServices, supervisorsRunning } from "../service/supervisors.ts";
import { installedSuite, type SuiteFacts } from "../suite/install.ts";
import type { SharedFact } from "./entries.ts";
import { observeShared } from "./linked.ts";
import { refuseOpen, sizeOf } from "./take-over.ts";

export interface PrepareArgs {
  /** Phase 1 links to the checkout; `harden` makes links real; `move` takes over an application that runs in place. */
  phase: "link" | "harden" | "move";
  /** The folder of that application (default: the checkout; on a host `deploy_to`). */
  from?: string | undefined;
}

export interface PrepareFacts {
  tree: TreeFacts;
  shared: SharedFact[];
  suite: SuiteFacts;
  running: string[];
  /** As in a switch. */
  hasJobs?: boolean;
  /** The services of the current release, as it last ran healthy. */
  services: string[];
  /** What is taken over: absolute source, place in `shared/`, bytes. */
  taken: { fact: SharedFact; source: string; bytes: number }[];
  freeBytes: number;
}

/** Looks at all that is shared, and at what would be taken over. @throws FailedError while somebody else has it open. */
export async function observePrepare(context: Context, { phase, from }: PrepareArgs): Promise<PrepareFacts> {
  refuseUnsupported(context.loaded);
  const shared = observeShared(context, folderOf(context, phase, from));
  if (from !== undefined) refuseNothing(context, shared, from);
  const running = await runningServices(context);
  const wanted = phase === "link" ? [] : shared.flatMap((fact) => toTake(fact, phase));
  const own = await ownProcesses(context, running);
  for (const { source } of wanted) refuseOpen(source, own);
  const tree = observeTree(context.paths);
  const current = tree.current.releaseId;
  return {
    tree,
    shared: phase === "link" ? shared.map((fact) => withProblem(context, fact)) : shared,
    suite: installedSuite(context),
    running,
    hasJobs: await hasJobs(context),
    services: definitionsOf(current ? await recordedManifest(context, current) : context.manifest).map(
      ({ name }) => name,
    ),
    taken: wanted.map(({ fact, source }) => ({ fact, source, bytes: sizeOf(source) })),
    freeBytes: observeRoom(context.paths.deployTo).freeBytes,
  };
}

/** Where an application ran until now: on a host, in `deploy_to` itself unless another folder is named. */
function folderOf({ loaded, paths }: Context, phase: PrepareArgs["phase"], from: string | undefined) {
  if (loaded.host === undefined) return from === undefined ? undefined : path.resolve(from);
  return phase === "move" ? path.resolve(paths.deployTo, from ?? ".") : undefined;
}

/** @throws UsageError for a folder that was named, and has nothing that could be taken over */
function refuseNothing({ opsPath }: Context, shared: SharedFact[], from: string): void {
  if (shared.some(({ hasSource }) => hasSource)) return;
  const places = shared.map(({ sourcePath }) => `\n  ${sourcePath}`).join("");
  throw new UsageError(`nothing to take over is in ${from}; looked for:${places}`, {
    next: `${opsPath}/release/prepare_shared.ts --move /the/folder/of/the/application`,
  });
}

/** A host is sent its secrets: nothing is to be taken there. */
function withProblem({ loaded }: Context, fact: SharedFact): SharedFact {
  if (fact.value_from === undefined || fact.state !== "absent" || loaded.host !== undefined) return fact;
  const valueProblem = whyNoValue(fact.value_from, loaded.basePath, process.env);
  return valueProblem === undefined ? fact : { ...fact, valueProblem };
}

async function ownProcesses(context: Context, running: string[]): Promise<number[]> {
  const states = running.map(async (name) => {
    const supervisors = await supervisorsRunning(context, name);
    return Promise.all(supervisors.map((supervisor) => supervisor.observe(name)));
  });
  const processes = (await Promise.all(states)).flat().flatMap((state) => state.processes);
  // A job is waited for; what it holds open then is found when the copy is made.
  const jobs = (await hasJobs(context)) ? await runningJobs(context) : [];
  return [...processes, ...jobs.flatMap(({ pid }) => pid ?? [])];
}

function toTake(fact: SharedFact, phase: "harden" | "move"): { fact: SharedFact; source: string }[] {
  if (fact.state === "link" && fact.linkedTo) return [{ fact, source: fs.realpathSync(fact.linkedTo) }];
  if (phase === "move" && fact.hasSource && (fact.state === "absent" || isEmptyBeside(fact)))
    return [{ fact, source: fs.realpathSync(fact.sourcePath) }];
  return [];
}

/** `setup` makes an empty directory before anybody can move data into it. */
const isEmptyBeside = ({ kind, state, sharedPath, sourcePath }: SharedFact) =>
  kind === "directory" &&
  state === "real" &&
  fs.readdirSync(sharedPath).length === 0 &&
  fs.readdirSync(sourcePath).length > 0;
