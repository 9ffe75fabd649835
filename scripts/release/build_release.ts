import fs from "node:fs";
import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import { observeRelease, observeTree, type ReleaseFact, type TreeFacts } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import { beginningPath, BUILDING, releasePath, removingPath } from "../core/paths.ts";
import { type Plan, quote, type RecordStep, type ReleaseStatus, type Step } from "../core/step.ts";
import { refuseLater } from "../manifest/later.ts";
import { failureHook, hook } from "./activation.ts";
import type { BuildMark } from "../build/seal.ts";
import { missingShared, observeShared, planLinks, planTree, type SharedFact } from "../shared/linked.ts";
import { insideRepo, observeSource, pullSource, renderExtraction, type SourceFacts } from "../build/source.ts";
import { observeTool, type Tool } from "../build/tools.ts";

export interface BuildArgs {
  ref?: string | undefined;
  id?: string | undefined;
  dryRun?: boolean | undefined;
}

export interface BuildFacts {
  tree: TreeFacts;
  source: SourceFacts;
  id: string;
  release: ReleaseFact;
  shared: SharedFact[];
  tools: Tool[];
  /** Build steps whose `when` is not there. */
  skipped: string[];
  room: { freeBytes: number; freeFiles: number };
}

/** `ops/release/build_release.ts`: makes a release; touches nothing that serves. */
export const buildRelease: Operation<BuildFacts, BuildArgs> = {
  kind: "build",
  observe: observeBuild,
  plan: (context, facts) => [planBuild(context, facts)],
};

/** Looks at all that a build rests on. With `source.pull` the checkout is moved forward first, unless it is a dry run. */
export function observeBuild(context: Context, args: BuildArgs): BuildFacts {
  refuseLater(context.loaded);
  const { manifest, paths } = context;
  if (manifest.source.pull && manifest.source.via === "git" && !args.dryRun) pullSource(manifest.source.repo);
  const isWorktree = manifest.source.via === "worktree";
  const source = observeSource(manifest.source, isWorktree ? undefined : args.ref);
  const tree = observeTree(paths);
  const id = args.id ?? (isWorktree ? args.ref : undefined) ?? defaultId(manifest, source, tree.now);
  const steps = Object.entries(manifest.build);
  const skipped = steps.flatMap(([name, step]) => (step.when && !observeTool(step.when).path ? [name] : []));
  const needs = steps.flatMap(([name, step]) => (skipped.includes(name) ? [] : step.needs));
  return {
    tree,
    source,
    id: checkedId(id),
    release: observeRelease(paths, id),
    shared: observeShared(context),
    tools: [...new Set(needs)].map((need) => observeTool(need)),
    skipped,
    room: observeRoom(paths.deployTo),
  };
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;

/** @throws UsageError for anything that is no release id (SPEC section 1). */
export function checkedId(id: string): string {
  if (ID.test(id)) return id;
  throw new UsageError(
    `${JSON.stringify(id)} is no release id: letters, digits and ._+- only, the first a letter or digit, 64 at most`,
    {
      next: "ops/release/list.ts",
    },
  );
}

function defaultId(manifest: Manifest, source: SourceFacts, now: Date): string {
  if (manifest.release_id === "sha" && source.sha) return source.sha;
  if (manifest.release_id === "tag") return tagOf(source);
  const time = now
    .toISOString()
    .replaceAll(/[-:]|\.\d+Z/g, "")
    .replace("T", "-");
  return `${time}-${source.sha.slice(0, 7) || "worktree"}`;
}

function tagOf({ tags, ref, sha }: SourceFacts): string {
  const tag = tags.includes(ref) ? ref : tags[0];
  if (tag && (tags.length === 1 || tags.includes(ref))) return tag;
  throw new UsageError(
    `release_id is tag, and ${tags.length ? `${sha} has the tags ${tags.join(", ")}` : `${ref} (${sha.slice(0, 7)}) has no tag`}`,
    {
      next: tags.length ? `ops/release/build_release.ts ${tags[0]}` : `git tag v1.0.0 ${sha.slice(0, 7)}`,
    },
  );
}

function observeRoom(place: string): BuildFacts["room"] {
  let there = place;
  while (!fs.existsSync(there)) there = path.dirname(there);
  const { bavail, bsize, ffree, files } = fs.statfsSync(there);
  // btrfs and others count no inodes: they report none at all.
  return { freeBytes: bavail * bsize, freeFiles: files === 0 ? Number.POSITIVE_INFINITY : ffree };
}

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
      `no room for a release: about ${megabytes(needed)} and ${source.files} files are needed, ${megabytes(room.freeBytes)}${Number.isFinite(room.freeFiles) ? ` and ${room.freeFiles} files` : ""} are free`,
      {
        next: [
          `${context.opsPath}/release/prune.ts --keep 2`,
          `df -h ${quote(context.paths.deployTo)}; df -i ${quote(context.paths.deployTo)}`,
        ],
      },
    );
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;

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
