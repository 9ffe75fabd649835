import path from "node:path";
import { type BuildArgs, type BuildFacts, observeBuild } from "../build/facts.ts";
import type { BuildMark } from "../build/mark.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import type { Operation } from "../core/operation.ts";
import { isUploaded, planUploadDiscard, planUploadEnd } from "../build/uploaded.ts";
import { beginningPath, BUILDING, incomingPath, releasePath, removingPath } from "../core/paths.ts";
import { type Plan, quote, type RecordStep, type ReleaseStatus, type Step } from "../core/step.ts";
import { planSetDiscard, planSets } from "../dependencies/plan.ts";
import { missingShared, planLinks, planTree } from "../shared/linked.ts";
import { fill, markOf, part, planBuildSteps } from "./build-steps.ts";
import { failureHook, hook } from "./hooks.ts";
import { imagesOf, tagProblem } from "../podman/image.ts";
import { buildImages, discardImages } from "../podman/steps.ts";
import { planRoom } from "../room/plan.ts";

/** `ops/release/build_release.ts`: makes a release; touches nothing that serves. */
export const buildRelease: Operation<BuildFacts, BuildArgs> = {
  kind: "build",
  observe: observeBuild,
  plan(context, facts) {
    const building = planBuild(context, facts);
    return [...planRoom(context, facts), building];
  },
};

/** From the mark to the seal, at the release's final path; a release that is there already from the same commit is reused. */
export function planBuild(context: Context, facts: BuildFacts): Plan {
  const { id, source } = facts;
  const about = { releaseId: id };
  if (facts.release.isComplete) {
    refuseOther(facts);
    return {
      ...about,
      title: `Build ${id}`,
      steps: isUploaded(source) ? planUploadEnd(context, id) : [],
      discard: [],
      revert: [],
      done: `${id} is built already, from ${source.isTaken ? "what was uploaded" : "the same commit"}.`,
    };
  }
  refuseUnready(context, facts);
  const directory = releasePath(context.paths, id);
  const mark = markOf(context, facts);
  return {
    ...about,
    title: `Build ${id} from ${source.ref}${source.sha ? ` (${source.sha.slice(0, 7)})` : ""}`,
    notes: notesOf(context, facts),
    steps: [
      ...planTree(context),
      ...record(context, facts, "building"),
      ...(source.upload
        ? planTaking(context, mark)
        : [...planBeginning(context, mark), fill(context, facts, directory)]),
      ...planLinks(context, id),
      ...planSets(context, id, facts.sets),
      ...hook(context, "before_build", id, directory),
      ...planBuildSteps(context, facts, directory),
      ...buildImages(context, id, imagesOf(context.manifest)),
      ...hook(context, "after_build", id, directory),
      {
        kind: "write",
        title: "Write RELEASE.env",
        path: path.join(directory, "RELEASE.env"),
        content: `RELEASE_ID=${id}\n`,
        mode: 0o644,
      },
      {
        kind: "run",
        key: "seal",
        title: `Make ${id} durable and complete`,
        run: part("seal", id),
      },
      ...record(context, facts, "built"),
      ...(source.upload ? planUploadEnd(context, id) : []),
    ],
    discard: [
      ...planDiscard(context, id),
      ...(source.upload ? [planUploadDiscard(context, id)] : []),
      ...planSetDiscard(facts.sets),
      ...record(context, facts, "build_failed"),
      ...failureHook(context, id),
    ],
    revert: [],
    done: `${id} is built.`,
  };
}

function refuseOther({ id, release, source }: BuildFacts): void {
  const isSame = source.isTaken || (source.sha !== "" && release.sha === source.sha && !source.isDirty);
  if (isSame) return;
  const from = release.sha ? `from ${release.sha.slice(0, 12)}` : "from an unknown commit";
  const wanted = source.isDirty ? "the working tree may differ from it" : `${source.ref} is ${source.sha.slice(0, 12)}`;
  throw new UsageError(`there is a release ${id} already, ${from}; ${wanted}`, {
    next: [
      `ops/release/build_release.ts ${source.isDirty ? "" : `${source.ref} `}--id ${id}-2`,
      `ops/release/switch_current.ts ${id}`,
    ],
  });
}

function refuseUnready(context: Context, facts: BuildFacts): void {
  const { release, id, tools, sets } = facts;
  const directory = releasePath(context.paths, id);
  if (release.isBuilding)
    throw new UsageError(`${directory} bears the mark of an unfinished build that the registry does not know`, {
      next: `rm -rf ${quote(directory)}`,
    });
  refuseTag(context, id);
  const problems = [...tools.flatMap((tool) => tool.problem ?? []), ...sets.flatMap((set) => set.problems)];
  if (problems.length > 0)
    throw new UsageError(`the build needs what is not here:\n${problems.map((line) => `  ${line}`).join("\n")}`, {
      next: sets.flatMap((set) => set.next),
    });
  missingShared(context, facts.shared);
}

function refuseTag({ manifest }: Context, id: string): void {
  const problem = imagesOf(manifest).length > 0 ? tagProblem(id) : undefined;
  if (problem !== undefined)
    throw new UsageError(problem, { next: `ops/release/build_release.ts --id ${id.replaceAll("+", "-")}` });
}

function notesOf(context: Context, { skipped, source, steps: told }: BuildFacts): string[] {
  const steps = skipped.map(
    (name) =>
      `build.${name} is skipped: there is no ${context.manifest.build[name]?.when} here; what is committed stays`,
  );
  const modules = source.submodules.length
    ? [`git archive leaves submodules out: ${source.submodules.join(", ")}`]
    : [];
  const inputs = told.flatMap(({ name, missing }) =>
    missing.map((place) => `build.${name}: its input ${place} is not in ${source.ref}`),
  );
  return [
    ...[...steps, ...modules, ...inputs].map((line) => `warning: ${line}`),
    ...told.flatMap(({ name, why }) => (why === undefined ? [] : [`build.${name} runs: ${why}`])),
  ];
}

// The directory gets its id by one rename with the mark in it: a release without mark is complete, always.
function planBeginning(context: Context, mark: BuildMark): Step[] {
  const beginning = beginningPath(context.paths, mark.id);
  const directory = releasePath(context.paths, mark.id);
  return [
    { kind: "mkdir", title: `Make ${beginning}`, path: beginning },
    markStep(beginning, mark),
    { kind: "move", title: `Begin ${directory}`, from: beginning, to: directory },
  ];
}

// An upload becomes the release by the same one rename; until then it is none, whatever is in it.
function planTaking({ paths }: Context, mark: BuildMark): Step[] {
  const directory = releasePath(paths, mark.id);
  const incoming = incomingPath(paths, mark.id);
  return [markStep(incoming, mark), { kind: "move", title: `Begin ${directory}`, from: incoming, to: directory }];
}

const markStep = (directory: string, mark: BuildMark): Step => ({
  kind: "write",
  title: "Mark it as unfinished",
  path: path.join(directory, BUILDING),
  content: `${JSON.stringify(mark)}\n`,
  mode: 0o644,
});

/** Takes a release's directory away: first its id, by one rename, then its files. */
export function planDiscard(context: Context, id: string): Step[] {
  const removing = removingPath(context.paths, id);
  const beginning = beginningPath(context.paths, id);
  return [
    ...discardImages(context, id),
    { kind: "remove", title: `Remove ${beginning}`, path: beginning },
    {
      kind: "move",
      title: `Take ${id} out of releases`,
      from: releasePath(context.paths, id),
      to: removing,
      optional: true,
    },
    { kind: "remove", title: `Remove the files of ${id}`, path: removing },
  ];
}

function record(context: Context, { id, source }: BuildFacts, status: ReleaseStatus): RecordStep[] {
  if (context.overrides.isRegistrySkipped) return [];
  return [{ kind: "record", title: `Record ${id} as ${status}`, releaseId: id, sha: source.sha, status }];
}
