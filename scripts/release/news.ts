import { git } from "../build/git.ts";
import { observeSource } from "../build/source.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { observeTree, type TreeFacts } from "../core/observe.ts";
import { quote } from "../core/step.ts";
import { reporter } from "../terminal/reporter.ts";

/**
 * Why a ref brings nothing to deploy by itself; undefined: its commit is new here. Fetches first, unless it is a dry run. A fetch that
 * fails is told, and what is known of the ref counts.
 * @throws UsageError where the source has no commits.
 */
export function whyNothingNew(context: Context, ref: string | undefined, isDryRun = false): string | undefined {
  const { source } = context.manifest;
  if (source.via === "worktree" || context.loaded.host !== undefined)
    throw new UsageError("only commits of a checkout on this host can be followed", {
      next: "ops/release/deploy.ts, without --if-new",
    });
  if (!isDryRun) fetch(source.repo);
  const found = observeSource(source, ref);
  return whyNot(observeTree(context.paths), found);
}

function fetch(repo: string): void {
  if (git(repo, "remote").stdout.trim() === "") return;
  const { status, stderr } = git(repo, "fetch", "--all", "--tags", "--quiet");
  if (status !== 0) reporter().warn(`git -C ${quote(repo)} fetch failed: ${stderr.trim()}`);
}

/**
 * A commit is deployed by itself once at most: one that failed, or that somebody went back from, is left to a person, and so is one that
 * another took the place of (a schedule must never go back by itself).
 */
export function whyNot({ rows, current }: TreeFacts, { ref, sha }: { ref: string; sha: string }): string | undefined {
  const name = `${ref} (${sha.slice(0, 7)})`;
  if (sha === current.sha) return `${name} is current already.`;
  const tried = [...rows.values()].filter((row) => row.commit_sha === sha && hasBeenTried(row));
  const last = tried.toSorted((a, b) => a.id - b.id).at(-1);
  if (!last) return undefined;
  return `${name} was deployed here before, as ${last.release_id}, which is ${last.status} now; it is not deployed again by itself.`;
}

// A build may have failed for want of a network: it touched nothing, and is tried again.
const hasBeenTried = ({ status, deployed_at }: { status: string; deployed_at: string | null }) =>
  deployed_at !== null || status === "deploy_failed" || status === "rollback_failed";
