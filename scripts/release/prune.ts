import type { Context } from "../core/context.ts";
import { userName } from "../core/account.ts";
import { FailedError } from "../core/errors.ts";
import { observeTree, type TreeFacts } from "../core/observe.ts";
import type { Operation } from "../core/operation.ts";
import type { Plan } from "../core/step.ts";
import { observeBackups } from "../database/backups.ts";
import { showJob } from "../health/busy.ts";
import { judgeAfter, noteBackups, planUnusedBackups } from "../database/unused.ts";
import { judgeSet, noteSets, observeDependencyUse, planUnusedSets } from "../dependencies/unused.ts";
import { hasContainers } from "../podman/quadlet.ts";
import { removeImages } from "../podman/steps.ts";
import { lastEnd } from "../registry/journal.ts";
import { hasJobs, runningJobs } from "../schedule/running-jobs.ts";
import { usersBelow } from "../processes/users-below.ts";
import { observeOldSuites, planOldSuites } from "../room/old-suites.ts";
import { observeOldUploads, planOldUploads } from "../room/old-uploads.ts";
import { observeRemoving, planLeftFiles, planRemoval } from "../room/removal.ts";
import { judge, type PruneFacts, type Retention, type Verdict } from "../room/retention.ts";

export interface PruneArgs {
  keep?: number | undefined;
  /** Zero: no release stays for its age. */
  keepDays?: number | undefined;
}

/** `ops/release/prune.ts [--keep N] [--keep-days N]`: removes old releases; cron calls it. */
export const prune: Operation<PruneFacts, PruneArgs> = {
  kind: "prune",
  mayUseReserve: true,
  observe: (context) => observePrune(context, observeTree(context.paths)),
  plan(context, facts, args) {
    const verdicts = judge(facts, retentionOf(context, args));
    const going = idsOf(verdicts);
    const notes = [
      ...verdicts.map(({ id, goes, why }) => `${goes ? "goes " : "stays"}  ${id}  ${why}`),
      ...noteSets(facts.deps, going),
      ...noteBackups(backupsOf(context, facts, going)),
    ];
    return [{ ...planPrune(context, facts, args), notes }];
  },
};

const idsOf = (verdicts: Verdict[]) => verdicts.flatMap(({ id, goes }) => (goes ? [id] : []));

/** The releases that a prune would take away. */
export const goingOf = (context: Context, facts: PruneFacts, args: PruneArgs): string[] =>
  idsOf(judge(facts, retentionOf(context, args)));

const backupsOf = (context: Context, { backups = [], tree }: PruneFacts, going: string[]) =>
  judgeAfter(context, backups, tree, going);

const retentionOf = ({ manifest }: Context, { keep, keepDays }: PruneArgs): Retention => ({
  keep: keep ?? manifest.keep_releases,
  days: keepDays ?? manifest.prune.keep_days ?? 0,
});

/** Looks which releases are in use, and to when ages are counted. */
export async function observePrune(context: Context, tree: TreeFacts): Promise<PruneFacts> {
  const { paths } = context;
  const ageAt = believed(tree.now, lastEnd(paths));
  const used = tree.isTree ? await observeUsed(context, tree.ids) : new Map<string, string>();
  return {
    tree,
    used,
    deps: observeDependencyUse(context),
    removing: observeRemoving(paths),
    backups: observeBackups(paths),
    uploads: observeOldUploads(paths, ageAt),
    suites: observeOldSuites(paths),
    ageAt,
    ...(await observeImages(context)),
  };
}

async function observeImages({ manifest, paths }: Context): Promise<Pick<PruneFacts, "images">> {
  if (!hasContainers(manifest)) return {};
  const { ownImages } = await import("../podman/look.ts");
  return { images: ownImages(paths) };
}

/** The tree's images whose release goes, or went without them. */
const imagesAfter = ({ images = [], tree }: PruneFacts, going: string[]): string[] =>
  images.filter(({ release }) => going.includes(release) || !tree.ids.includes(release)).map(({ name }) => name);

/** A job of another user shows its files to root alone: once the link has moved, any release may be the one that it works in. */
async function observeUsed(context: Context, ids: string[]): Promise<Map<string, string>> {
  const jobs = (await hasJobs(context)) ? await runningJobs(context) : [];
  const byJobs = jobs.flatMap((job): [string, string][] => {
    const who = showJob(job, new Date());
    if (job.releaseId !== undefined) return [[job.releaseId, who]];
    return ids.map((id) => [id, `${who}, for all that ${userName()} may see`]);
  });
  return new Map([...byJobs, ...(await observeContainers(context)), ...usersBelow(context.paths.releases)]);
}

async function observeContainers({ manifest, paths }: Context): Promise<Map<string, string>> {
  return hasContainers(manifest) ? (await import("../podman/look.ts")).releasesInContainers(paths) : new Map();
}

/**
 * A clock that jumped ahead makes every release look old: one that is more than a day after the end of the last operation is
 * believed for that day only. The next operation believes it, because by then one has ended at that time.
 */
function believed(now: Date, last: Date | undefined): Date {
  const latest = last === undefined ? now.getTime() : last.getTime() + 86_400_000;
  return new Date(Math.min(now.getTime(), latest));
}

/** Takes the releases that go out of `releases` by a rename each, records them, and removes their files. */
export function planPrune(context: Context, facts: PruneFacts, args: PruneArgs): Plan {
  const retention = retentionOf(context, args);
  const verdicts = judge(facts, retention);
  const going = idsOf(verdicts);
  const days = retention.days > 0 ? `, and those of ${retention.days} days` : "";
  const steps = [
    ...planLeftFiles(context, facts.removing ?? []),
    ...planOldUploads(facts.uploads ?? []),
    ...planOldSuites(facts.suites ?? []),
    ...planRemoval(context, facts.tree, going),
    ...removeImages(context, imagesAfter(facts, going)),
    ...planUnusedSets(context, facts.deps, going),
    ...planUnusedBackups(context, backupsOf(context, facts, going)),
  ];
  const none = steps.length > 0 ? "No release had to go." : "Nothing to remove.";
  return {
    title: `Prune to ${retention.keep} good releases${days}`,
    steps,
    discard: [],
    revert: [],
    done: going.length > 0 ? `Removed ${going.length} of ${verdicts.length} releases.` : none,
  };
}

/** The facts as they are once a prune of them is done. */
export function pruned(context: Context, facts: PruneFacts, done: PruneFacts): PruneFacts {
  const going = goingOf(context, done, {});
  const stays = (id: string) => !going.includes(id);
  const sets = facts.deps.sets.filter((_, i) => !done.deps.sets[i] || !judgeSet(done.deps.sets[i], going).goes);
  const deps = { removing: [], sets: sets.map((set) => ({ ...set, by: set.by.filter(stays) })) };
  return { ...facts, deps, tree: { ...facts.tree, ids: facts.tree.ids.filter(stays) } };
}

/** `prune.ts --part unused ID…`: a step of --dry-run. @throws FailedError when a process uses one of the releases. */
export async function refuseUsed(context: Context, ids: string[]): Promise<void> {
  const used = await observeUsed(context, ids);
  const found = ids.find((id) => used.has(id));
  if (found) throw new FailedError(`${found} is in use by ${used.get(found)}`);
}
