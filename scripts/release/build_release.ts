import path from "node:path";
import { type BuildArgs, type BuildFacts, observeBuild } from "../build/facts.ts";
import type { BuildMark } from "../build/seal.ts";
import { insideRepo, renderExtraction } from "../build/source.ts";
import type { Context } from "../core/context.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import type { Operation } from "../core/operation.ts";
import { beginningPath, BUILDING, releasePath, removingPath } from "../core/paths.ts";
import { type Plan, quote, type RecordStep, type ReleaseStatus, type Step } from "../core/step.ts";
import { missingShared, planLinks, planTree } from "../shared/linked.ts";
import { showBytes } from "../text/amounts.ts";
import { failureHook, hook } from "./hooks.ts";

/** `ops/release/build_release.ts`: makes a release; touches nothing that serves. */
export const buildRelease: Operation<BuildFacts, BuildArgs> = {
  kind: "build",
  observe: observeBuild,
  plan: (context, facts) => [planBuild(context, facts)],
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
      steps: [],
      discard: [],
      revert: [],
      done: `${id} is built already, from the same commit.`,
    };
  }
  refuseUnready(context, facts);
  const directory = releasePath(context.paths, id);
  const mark: BuildMark = { id, sha: source.sha, ref: source.ref, dirty: source.isDirty };
  return {
    ...about,
    title: `Build ${id} from ${source.ref}${source.sha ? ` (${source.sha.slice(0, 7)})` : ""}`,
    notes: notesOf(context, facts),
    steps: [
      ...planTree(context),
      ...record(context, facts, "building"),
      ...planBeginning(context, mark),
      fill(context, facts, directory),
      ...planLinks(context, id),
      ...hook(context, "before_build", id, directory),
      ...planBuildSteps(context, facts, directory),
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
        run: { ops: "release/build_release", args: ["--seal", id] },
      },
      ...record(context, facts, "built"),
    ],
    discard: [...planDiscard(context, id), ...record(context, facts, "build_failed"), ...failureHook(context, id)],
    revert: [],
    done: `${id} is built.`,
  };
}

function refuseOther({ id, release, source }: BuildFacts): void {
  const isSame = source.sha !== "" && release.sha === source.sha && !source.isDirty;
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
  const { release, id, tools, room, source, tree } = facts;
  const directory = releasePath(context.paths, id);
  if (release.isBuilding)
    throw new UsageError(`${directory} bears the mark of an unfinished build that the registry does not know`, {
      next: `rm -rf ${quote(directory)}`,
    });
  const problems = tools.flatMap((tool) => tool.problem ?? []);
  if (problems.length > 0)
    throw new UsageError(`the build needs what is not here:\n${problems.map((line) => `  ${line}`).join("\n")}`);
  missingShared(context, facts.shared);
  const last = [...tree.rows.values()].find((row) => row.bytes)?.bytes ?? 0;
  const needed = Math.max(last, source.bytes);
  if (needed > room.freeBytes || source.files > room.freeFiles)
    throw new FailedError(
      `no room for a release: about ${showBytes(needed)} and ${source.files} files are needed, ${showBytes(room.freeBytes)}${Number.isFinite(room.freeFiles) ? ` and ${room.freeFiles} files` : ""} are free`,
      {
        next: [
          `${context.opsPath}/release/prune.ts --keep 2`,
          `df -h ${quote(context.paths.deployTo)}; df -i ${quote(context.paths.deployTo)}`,
        ],
      },
    );
}

function notesOf(context: Context, { skipped, source }: BuildFacts): string[] {
  const steps = skipped.map(
    (name) =>
      `build.${name} is skipped: there is no ${context.manifest.build[name]?.when} here; what is committed stays`,
  );
  const modules = source.submodules.length
    ? [`git archive leaves submodules out: ${source.submodules.join(", ")}`]
    : [];
  return [...steps, ...modules].map((line) => `warning: ${line}`);
}

// The directory gets its id by one rename with the mark in it: a release without mark is complete, always.
function planBeginning(context: Context, mark: BuildMark): Step[] {
  const beginning = beginningPath(context.paths, mark.id);
  const directory = releasePath(context.paths, mark.id);
  return [
    { kind: "mkdir", title: `Make ${beginning}`, path: beginning },
    {
      kind: "write",
      title: "Mark it as unfinished",
      path: path.join(beginning, BUILDING),
      content: `${JSON.stringify(mark)}\n`,
      mode: 0o644,
    },
    { kind: "move", title: `Begin ${directory}`, from: beginning, to: directory },
  ];
}

function fill(context: Context, { source }: BuildFacts, directory: string): Step {
  const { manifest, paths } = context;
  const own = insideRepo(source.repo, paths.deployTo);
  const without = [
    ...(own ? [own] : []),
    ...[...manifest.linked_files, ...manifest.linked_dirs].map((entry) => entry.path),
  ];
  const lines = renderExtraction(manifest.source, source, directory, without);
  return {
    kind: "run",
    key: "source",
    title: `Copy ${source.ref} into the release`,
    run: { lines, cwd: paths.deployTo, env: {} },
  };
}

function planBuildSteps(context: Context, { id, tools, skipped }: BuildFacts, directory: string): Step[] {
  const found = Object.fromEntries(tools.map((tool) => [variableOf(tool.name), tool.path ?? ""]));
  const base = { ...found, RELEASE_ID: id, RELEASE_PATH: directory, DEPLOY_TO: context.paths.deployTo };
  const steps = Object.entries(context.manifest.build).filter(([name]) => !skipped.includes(name));
  return steps.map(([name, step], index) => ({
    kind: "run",
    key: `build:${name}`,
    title: `Build ${name} (${index + 1} of ${steps.length})`,
    run: { lines: step.run, cwd: path.join(directory, step.dir), env: { ...base, ...step.env } },
  }));
}

/** `python` → `PYTHON`: how a step's lines name the very command that met its `needs`. */
const variableOf = (name: string) =>
  path
    .basename(name)
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, "_");

/** Takes a release's directory away: first its id, by one rename, then its files. */
export function planDiscard(context: Context, id: string): Step[] {
  const removing = removingPath(context.paths, id);
  const beginning = beginningPath(context.paths, id);
  return [
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
