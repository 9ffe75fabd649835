import fs from "node:fs";
import path from "node:path";
import { type BuildArgs, type BuildFacts, observeBuild } from "../build/facts.ts";
import type { Context } from "../core/context.ts";
import { FailedError } from "../core/errors.ts";
import { observeRelease, type ReleaseFact } from "../core/observe.ts";
import { operate } from "../core/operate.ts";
import type { Operation } from "../core/operation.ts";
import { releasePath } from "../core/paths.ts";
import type { Plan, Step } from "../core/step.ts";
import { type DependencyUse, observeDependencyUse, planUnusedSets, withRelease } from "../dependencies/unused.ts";
import type { LoadedManifest } from "../manifest/loaded.ts";
import { planBuild, planDiscard } from "../release/build_release.ts";
import { planRoom } from "../room/plan.ts";
import { observeRemoving, planLeftFiles, planRemoval } from "../room/removal.ts";
import { describeStaged, readRecord, recordPath, type Staged } from "./staged.ts";
import { localSteps, makingOf, refuseOrder, stagingContext } from "./staging.ts";

interface StageFacts {
  build: BuildFacts;
  /** What stands under the id in the staging tree. */
  standing: ReleaseFact;
  /** It was made from the same commit by the same steps. */
  isReusable: boolean;
  deps: DependencyUse;
  removing: string[];
  /** Logs of earlier stagings that go: absolute. */
  oldLogs: string[];
}

const LOGS_KEPT = 20;

/** Builds, in the staging tree, what is built on this machine. */
export const stageRelease: Operation<StageFacts, BuildArgs> = {
  kind: "stage",
  async observe(context, args) {
    const { paths, manifest } = context;
    const build = await observeBuild(context, { ...args, isAnew: true });
    const standing = observeRelease(paths, build.id);
    const { making, sha } = readRecord(paths, build.id) ?? {};
    const isLike = making === makingOf(manifest) && sha === build.source.sha && !build.source.isDirty;
    return {
      build,
      standing,
      isReusable: standing.isComplete && isLike && args.isCached !== false,
      deps: observeDependencyUse(context),
      removing: observeRemoving(paths),
      oldLogs: logsIn(paths.logs).slice(0, -LOGS_KEPT),
    };
  },
  plan(context, facts) {
    const { build, standing, isReusable } = facts;
    if (isReusable) return [{ ...planBuild(context, { ...build, release: standing }), done: "" }];
    const building = planBuild(context, build);
    return [
      ...planRoom(context, build),
      ...planAnew(context, facts),
      { ...building, steps: [...planLinked(context), ...building.steps], done: "" },
      planKept(context, facts),
    ];
  },
};

const logsIn = (folder: string) =>
  (fs.existsSync(folder) ? fs.readdirSync(folder) : [])
    .filter((name) => name.endsWith(".log"))
    .toSorted()
    .map((name) => path.join(folder, name));

/** What was staged under the id by other steps or from another commit is nobody's release yet: a host has its own word about it. */
function planAnew(context: Context, { build, standing }: StageFacts): Plan[] {
  if (!standing.isComplete && !standing.isBuilding) return [];
  const title = `Take away what was staged as ${build.id} before`;
  return [{ title, steps: planDiscard(context, build.id), discard: [], revert: [], done: "" }];
}

/** The linked files that the checkout has, as the first phase of prepare_shared links them. */
function planLinked({ manifest, paths }: Context): Step[] {
  return manifest.linked_files.map(({ shared, from }) => ({
    kind: "link",
    title: `Link shared/${shared} to what the checkout has`,
    path: path.join(paths.shared, shared),
    target: path.resolve(manifest.source.repo, from),
  }));
}

/** Two releases stay: the next one takes from the other what did not change. */
function planKept(context: Context, { build, deps, removing, oldLogs }: StageFacts): Plan {
  const { tree, id, sets } = build;
  const others = [...tree.rows.keys()].filter((other) => other !== id && tree.ids.includes(other));
  const going = others.slice(1);
  const files = [...going.map((other) => recordPath(context.paths, other)), ...oldLogs];
  return {
    title: "Keep the two newest that were staged",
    steps: [
      ...planLeftFiles(context, removing),
      ...planRemoval(context, tree, going),
      ...planUnusedSets(context, withRelease(deps, id, sets), going),
      ...files.map((place): Step => ({ kind: "remove", title: `Remove ${place}`, path: place })),
    ],
    discard: [],
    revert: [],
    done: "",
    isExtra: true,
  };
}

/**
 * Makes here what is sent: the source, and what build steps with `build_on: local` made of it, in a tree of its own
 * (`$XDG_STATE_HOME/switchback/…`). Local steps find the dependency sets and the linked files that the checkout has; linked
 * directories are not there. The ids, the refs and `source.pull` are those of a build.
 * @throws BusyError where somebody stages the same environment at this moment; ManifestError, and whatever a build may throw
 */
export async function stage(
  loaded: LoadedManifest,
  choice: { ref?: string; id?: string; isCached?: boolean },
): Promise<Staged> {
  refuseOrder(loaded);
  const { ref, id: wanted, isCached } = choice;
  const context = stagingContext(loaded);
  const outcome = await operate(stageRelease, context, { ref, id: wanted, isCached }, {});
  const id = outcome?.release;
  if (!id) throw new FailedError("nothing was staged");
  const builtHere = localSteps(loaded.manifest).map(([name]) => name);
  const { linked_files, linked_dirs, dependencies } = loaded.manifest;
  const without = [...linked_files, ...linked_dirs, ...Object.values(dependencies)].map((entry) => entry.path);
  const upload = describeStaged(context.paths, id, builtHere, makingOf(context.manifest));
  return { ...upload, directory: releasePath(context.paths, id), without };
}
