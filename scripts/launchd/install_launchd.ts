import path from "node:path";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { observeCurrent } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import type { Plan, Step } from "../core/step.ts";
import { gateStep } from "../health/steps.ts";
import { refuseUnsupported } from "../manifest/supervisor-limits.ts";
import { definitionsOf, placeOf } from "../service/definitions.ts";
import { pidfileSupervisor } from "../service/pidfile-supervisor.ts";
import { textsOf } from "../render/file.ts";
import { differenceOf } from "../render/installed.ts";
import { diffsOf } from "../render/reading.ts";
import { hasLaunchd, printJob } from "./launchctl.ts";
import { observeLaunchd } from "./manager.ts";
import { labelOf, targetOfFile } from "./names.ts";
import {
  isOwn,
  type LaunchdFacts,
  loadStep,
  removeStep,
  replaceSteps,
  restoreSteps,
  unloadStep,
} from "./plist-steps.ts";
import { markIn, PLIST_MARK } from "./plist-mark.ts";

export interface InstallPlistsFacts extends LaunchdFacts {
  /** What would change, a unified diff for each file. */
  diffs: string[];
  /** Jobs that launchd has loaded: path → which property list it was, empty for one that was not rendered here. */
  loaded: ReadonlyMap<string, string>;
  /** Services that run without launchd. */
  foreign: string[];
  /** The release that is current; without one a service cannot start. */
  releaseId?: string | undefined;
}

/** `ops/launchd/install_launchd.ts`: makes launchd's jobs what the manifest says. */
export const installLaunchd: Operation<InstallPlistsFacts, object> = {
  kind: "install_launchd",
  observe: observeInstall,
  plan: (context, facts) => [planInstall(context, facts)],
};

async function observeInstall(context: Context): Promise<InstallPlistsFacts> {
  refuseUnsupported(context.loaded);
  const { manifest, opsPath, paths } = context;
  if (manifest.supervisor !== "launchd")
    throw new UsageError(`supervisor: ${manifest.supervisor}, and property lists are launchd's`, {
      next: `${opsPath}/host/render.ts --out DIR writes them to read`,
    });
  const facts = observeLaunchd(context);
  const loaded = observeLoaded(facts);
  return {
    ...facts,
    diffs: diffsOf(facts),
    loaded,
    foreign: await observeForeign(context, loaded),
    releaseId: observeCurrent(paths).releaseId,
  };
}

/** Where there is no launchd nothing is loaded: the plan is then that of a host on which nothing is installed yet. */
function observeLoaded({ installed, wanted, owner }: LaunchdFacts): Map<string, string> {
  if (!hasLaunchd()) return new Map();
  const files = [...new Set([...installed.keys(), ...textsOf(wanted).keys()])];
  return new Map(
    files.flatMap((file): [string, string][] => {
      const printed = printJob(targetOfFile(file, owner));
      return printed ? [[file, printed.environment[PLIST_MARK] ?? ""]] : [];
    }),
  );
}

/** Two writers never run at once: what pid files started is taken over by a switch, which stops it first. */
async function observeForeign(context: Context, loaded: Map<string, string>): Promise<string[]> {
  const pidfiles = pidfileSupervisor(placeOf(context));
  const isLoaded = (name: string) =>
    [...loaded.keys()].some((file) => path.basename(file, ".plist") === labelOf(context.manifest, name));
  const names = definitionsOf(context.manifest).map(({ name }) => name);
  const states = await Promise.all(names.map((name) => pidfiles.observe(name)));
  return names.filter((name, index) => states[index]?.state === "running" && !isLoaded(name));
}

/** What is to be done, by file. */
interface Work {
  gone: [file: string, content: string][];
  changed: [file: string, content: string][];
  /** To be loaded, or loaded anew. */
  loading: [file: string, content: string][];
}

function workOf(context: Context, { installed, wanted, loaded, foreign, releaseId }: InstallPlistsFacts): Work {
  const to = textsOf(wanted);
  const kept = new Set(foreign.map((name) => labelOf(context.manifest, name)));
  const canLoad = (file: string, content: string) =>
    isOwn(content) || (releaseId !== undefined && !kept.has(path.basename(file, ".plist")));
  return {
    ...differenceOf(installed, to),
    loading: [...to].filter(([file, content]) => loaded.get(file) !== markIn(content) && canLoad(file, content)),
  };
}

function planInstall(context: Context, facts: InstallPlistsFacts): Plan {
  const { installed, wanted, loaded, diffs, foreign, releaseId } = facts;
  const { gone, changed, loading } = workOf(context, facts);
  const { logs, deployTo } = context.paths;
  const loadingSteps = loading.flatMap(([file, content]) => [
    ...(loaded.has(file) ? [unloadStep(facts, file, installed.get(file) ?? content)] : []),
    loadStep(facts, file),
  ]);
  const steps = [
    // launchd starts nothing whose log it cannot open.
    ...(loading.length > 0 ? [{ kind: "mkdir", title: `Make ${logs}`, path: logs } as const] : []),
    ...changed.flatMap(([file, content]) => replaceSteps(context, file, content, installed.get(file))),
    ...touching(gone.flatMap(([file, content]) => [unloadStep(facts, file, content), removeStep(file)])),
    ...touching(loadingSteps),
    ...gateOf(context, facts, loading),
  ];
  const isSame = steps.length === 0;
  return {
    title: `Install the launchd jobs of ${context.manifest.app}`,
    notes: [
      ...diffs,
      ...(releaseId === undefined && wanted.some(({ content }) => !isOwn(content))
        ? [`nothing is deployed in ${deployTo} yet: the first deploy starts the services`]
        : []),
      ...foreign.map((name) => `${name} runs without launchd: the next switch stops it, and starts it under launchd`),
    ],
    steps,
    discard: restoreSteps(installed, pathsOf(changed)),
    revert: wayBack(context, facts),
    done: `${wanted.length} jobs ${isSame ? "were as the manifest says already" : "are as the manifest says"}.`,
  };
}

const touching = (steps: Step[]) => steps.map((step): Step => ({ ...step, touches: true }));

/** Services that are loaded anew have to be healthy again. */
function gateOf(context: Context, { releaseId }: InstallPlistsFacts, loading: Work["loading"]): Step[] {
  const labels = new Set(loading.map(([file]) => path.basename(file, ".plist")));
  const only = definitionsOf(context.manifest)
    .map(({ name }) => name)
    .filter((name) => labels.has(labelOf(context.manifest, name)));
  if (releaseId === undefined || only.length === 0 || context.overrides.isGateSkipped) return [];
  return [gateStep(releaseId, { isRecorded: false, only })];
}

const pathsOf = (files: Work["changed"]) => files.map(([file]) => file);

/** What was loaded before is loaded again, from the files as they were. */
function wayBack(context: Context, facts: InstallPlistsFacts): Step[] {
  const { installed, loaded } = facts;
  const { gone, changed, loading } = workOf(context, facts);
  const again = [...gone, ...loading].filter(([file]) => loaded.has(file) && installed.has(file));
  const steps = [
    ...loading.map(([file, content]) => unloadStep(facts, file, content)),
    ...restoreSteps(installed, pathsOf([...changed, ...gone])),
    ...again.map(([file]) => loadStep(facts, file)),
  ];
  const hasService = again.some(([file]) => !isOwn(installed.get(file) ?? ""));
  const isGated = facts.releaseId !== undefined && hasService && !context.overrides.isGateSkipped;
  return [...steps, ...(isGated ? [gateStep(facts.releaseId as string, { isRecorded: true })] : [])];
}
