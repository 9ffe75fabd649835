import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { observeRelease, observeTree, type ReleaseFact, type TreeFacts } from "../core/observe.ts";
import { checkedId } from "../core/release-id.ts";
import { type BuildRoom, observeBuildRoom } from "../room/facts.ts";
import { refuseLater } from "../manifest/later.ts";
import { observeShared, type SharedFact } from "../shared/linked.ts";
import { compactStamp } from "../registry/releases.ts";
import { observeSets, type SetFact } from "../dependencies/facts.ts";
import { observeBase } from "./base.ts";
import { observeSteps, type StepFact } from "./steps.ts";
import { observeSource, pullSource, type SourceFacts } from "./source.ts";
import { observeTool, type Tool } from "./tools.ts";

export interface BuildArgs {
  ref?: string | undefined;
  id?: string | undefined;
  dryRun?: boolean | undefined;
  /** False: all work is done again. */
  isCached?: boolean | undefined;
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
  const tools = [...new Set(needs)].map((need) => observeTool(need));
  const isCached = args.isCached !== false;
  const sets = observeSets(context, source);
  const facts = {
    tree,
    source,
    id: checkedId(id),
    release: observeRelease(paths, id),
    shared: observeShared(context),
    tools,
    skipped,
    sets,
    steps: observeSteps(context, { source, tools, sets, skipped, tree, isCached }),
    base: isCached ? observeBase(context, source, tree) : undefined,
  };
  return { ...facts, ...(await observeBuildRoom(context, facts)) };
}

function defaultId(manifest: Manifest, source: SourceFacts, now: Date): string {
  if (manifest.release_id === "sha" && source.sha) return source.sha;
  if (manifest.release_id === "tag") return tagOf(source);
  return `${compactStamp(now)}-${source.sha.slice(0, 7) || "worktree"}`;
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
