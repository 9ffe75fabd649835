import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { observeRelease, observeTree, type ReleaseFact, type TreeFacts } from "../core/observe.ts";
import { checkedId } from "../core/release-id.ts";
import { type BuildRoom, observeBuildRoom } from "../room/facts.ts";
import { refuseUnsupported } from "../manifest/supervisor-limits.ts";
import type { SharedFact } from "../shared/entries.ts";
import { observeShared } from "../shared/linked.ts";
import { hasContainers } from "../podman/quadlet.ts";
import { compactStamp } from "../registry/releases.ts";
import { observeSets, type SetFact } from "../dependencies/facts.ts";
import { observeBase } from "./base.ts";
import { observeSteps, type StepFact } from "./steps.ts";
import { observeSource, pullSource, type SourceFacts } from "./source.ts";
import { observeTool, type Tool } from "./tools.ts";
import { observeUpload } from "./uploaded.ts";

export interface BuildArgs {
  ref?: string | undefined;
  id?: string | undefined;
  dryRun?: boolean | undefined;
  /** False: all work is done again. */
  isCached?: boolean | undefined;
  /** The id of what another machine has put into `incoming`: that is built, whatever `ref` and `id` say. */
  uploaded?: string | undefined;
  /** A release that has the id already counts as gone. */
  isAnew?: boolean | undefined;
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
  /** Build steps that were done before this build: what they made came with an upload. */
  doneBefore?: string[];
  /** The dependency sets that the release links to. */
  sets: SetFact[];
  /** The build steps that have a key: their inputs, and where their outputs can be taken from. */
  steps: StepFact[];
  /** The release whose unchanged files this one shares. */
  base: string | undefined;
  room: BuildRoom;
}

/** Looks at all that a build rests on. With `source.pull` the checkout is moved forward first, unless it is a dry run. */
export async function observeBuild(context: Context, args: BuildArgs): Promise<BuildFacts> {
  refuseUnsupported(context.loaded);
  const { manifest, paths } = context;
  const isWorktree = manifest.source.via === "worktree";
  const source = sourceOf(context, args);
  const standing = observeTree(paths);
  const named = args.uploaded ?? args.id ?? (isWorktree ? args.ref : undefined);
  const id = checkedId(named ?? defaultId(manifest, source, standing.now));
  const tree = args.isAnew ? { ...standing, ids: standing.ids.filter((other) => other !== id) } : standing;
  const doneBefore = source.upload?.builtHere;
  const steps = Object.entries(manifest.build).filter(([name]) => !doneBefore?.includes(name));
  const skipped = steps.flatMap(([name, step]) => (step.when && !observeTool(step.when).path ? [name] : []));
  const podman = hasContainers(manifest) ? ["podman"] : [];
  const needs = steps.flatMap(([name, step]) => (skipped.includes(name) ? [] : step.needs));
  const tools = [...new Set([...podman, ...needs])].map((need) => observeTool(need));
  // Refused where another tree has an image of this name; without podman the plan is.
  if (hasContainers(manifest) && tools[0]?.path)
    (await import("../podman/look.ts")).missingImages(paths, [{ id, manifest }]);
  const isCached = args.isCached !== false;
  const sets = observeSets(context, source);
  const without = [...skipped, ...(doneBefore ?? [])];
  const release = observeRelease(paths, id);
  const facts = {
    tree,
    source,
    id,
    release: args.isAnew ? { ...release, isComplete: false, isBuilding: false } : release,
    shared: observeShared(context),
    tools,
    skipped,
    ...(doneBefore ? { doneBefore } : {}),
    sets,
    steps: observeSteps(context, { source, tools, sets, skipped: without, tree, isCached }),
    base: isCached ? observeBase(context, source, tree) : undefined,
  };
  return { ...facts, ...(await observeBuildRoom(context, facts)) };
}

function sourceOf(context: Context, { uploaded, ref, dryRun }: BuildArgs): SourceFacts {
  if (uploaded !== undefined) return observeUpload(context, uploaded);
  const { source } = context.manifest;
  if (source.pull && source.via === "git" && !dryRun) pullSource(source.repo);
  return observeSource(source, source.via === "worktree" ? undefined : ref);
}

function defaultId(manifest: Manifest, source: SourceFacts, now: Date): string {
  if (manifest.release_id === "sha" && source.sha) return source.sha;
  if (manifest.release_id === "tag") return tagOf(source, manifest.source.via === "worktree");
  return `${compactStamp(now)}-${source.sha.slice(0, 7) || "worktree"}`;
}

function tagOf({ tags, ref, sha }: SourceFacts, isWorktree: boolean): string {
  if (isWorktree)
    throw new UsageError("release_id is tag, and the files of a working tree bear none: give the release an id", {
      next: "ops/release/build_release.ts v1.0.0",
    });
  const tag = tags.includes(ref) ? ref : tags[0];
  if (tag && (tags.length === 1 || tags.includes(ref))) return tag;
  throw new UsageError(
    `release_id is tag, and ${tags.length ? `${sha} has the tags ${tags.join(", ")}` : `${ref} (${sha.slice(0, 7)}) has no tag`}`,
    {
      next: tags.length ? `ops/release/build_release.ts ${tags[0]}` : `git tag v1.0.0 ${sha.slice(0, 7)}`,
    },
  );
}
