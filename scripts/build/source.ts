import fs from "node:fs";
import path from "node:path";
import { FailedError, UsageError } from "../core/errors.ts";
import { quote } from "../core/step.ts";
import type { Source } from "../../manifest.schema.ts";
import { git } from "./git.ts";
import { answerOf } from "./git-trees.ts";
import type { Upload } from "./uploaded.ts";

/** What would be built: a commit of the repository, or its files as they lie. */
export interface SourceFacts {
  repo: string;
  ref: string;
  /** Forty hex digits; empty where a working tree is no git checkout. */
  sha: string;
  isDirty: boolean;
  /** Tags that name the commit. */
  tags: string[];
  /** Submodules, which `git archive` leaves out. */
  submodules: string[];
  /** What the commit's files take, or more than that, once room is looked for; zero for a working tree. */
  bytes: number;
  /** How many they are; zero for a working tree. */
  files: number;
  /** They were sent from another machine, and lie in `repo` as they are. */
  upload?: Upload;
  /** They were sent, and have become the release that is asked for. */
  isTaken?: boolean;
}

/** Finds the commit that a ref names. @throws UsageError when the repository or the ref does not exist. */
export function observeSource(source: Source, ref: string | undefined): SourceFacts {
  const { repo, via } = source;
  if (!fs.statSync(repo, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`source.repo: there is no directory ${repo}`, {
      next: "name a checkout in source.repo, or set REPO_ROOT",
    });
  const wanted = ref ?? source.ref;
  if (via === "worktree")
    return { repo, ref: wanted, sha: headOf(repo), isDirty: true, tags: [], submodules: [], bytes: 0, files: 0 };
  const sha = commitOf(repo, wanted);
  return { repo, ref: wanted, sha, isDirty: false, tags: tagsOf(repo, sha), bytes: 0, ...entriesOf(repo, sha) };
}

function headOf(repo: string): string {
  const { status, stdout } = git(repo, "rev-parse", "--verify", "--quiet", "HEAD^{commit}");
  return status === 0 ? stdout.trim() : "";
}

function commitOf(repo: string, ref: string): string {
  const { status, stdout, stderr } = git(
    repo,
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${ref}^{commit}`,
  );
  if (status === 0) return stdout.trim();
  if (stderr.includes("dubious ownership") || stderr.includes("not a git repository"))
    throw new UsageError(`source.repo: git cannot use ${repo}: ${stderr.trim()}`, {
      next: `git -C ${quote(repo)} status`,
    });
  throw new UsageError(`there is no commit, tag or branch ${JSON.stringify(ref)} in ${repo}`, {
    next: [`git -C ${quote(repo)} fetch --tags`, `git -C ${quote(repo)} log --oneline --all -n 20`],
  });
}

const tagsOf = (repo: string, sha: string) => git(repo, "tag", "--points-at", sha).stdout.split("\n").filter(Boolean);

function entriesOf(repo: string, sha: string): Pick<SourceFacts, "files" | "submodules"> {
  const entries = answerOf(repo, "ls-tree", "-r", "-z", sha).split("\0").filter(Boolean);
  const submodules = entries.filter((entry) => entry.startsWith("160000 "));
  return { files: entries.length, submodules: submodules.map((entry) => entry.slice(entry.indexOf("\t") + 1)) };
}

/**
 * `source.pull: ff-only`: fetches, and moves the checkout forward (seed 003: `git pull --ff-only`).
 * @throws UsageError when local changes stand in the way (they are named, never overwritten) or history has parted.
 */
export function pullSource(repo: string): void {
  const changed = git(repo, "status", "--porcelain", "--untracked-files=no").stdout.trimEnd();
  if (changed)
    throw new UsageError(`source.pull: ${repo} has local changes, and they are not overwritten:\n${changed}`, {
      next: [`git -C ${quote(repo)} stash push -m prod-local`, `git -C ${quote(repo)} diff`],
    });
  must(repo, ["fetch", "--all", "--tags", "--quiet"]);
  if (git(repo, "rev-parse", "--verify", "--quiet", "@{upstream}").status !== 0) return;
  must(repo, ["merge", "--ff-only", "--quiet", "@{upstream}"]);
}

function must(repo: string, words: string[]): void {
  const { status, stderr } = git(repo, ...words);
  if (status === 0) return;
  throw new FailedError(`git ${words.join(" ")} failed in ${repo}: ${stderr.trim()}`, {
    next: `git -C ${quote(repo)} status`,
  });
}

/** The lines that fill a release's directory with its source, or, given words of the shell for them, with some paths of its commit. */
export function renderExtraction(
  source: Source,
  facts: Pick<SourceFacts, "repo" | "sha">,
  directory: string,
  without: string[],
  paths?: string,
): string[] {
  const into = `tar -xof - -C ${quote(directory)}`;
  const excluding = (patterns: string[]) =>
    patterns.map((pattern) => ` --exclude=${quote(anchored(pattern))}`).join("");
  if (source.via === "worktree")
    return [
      `tar -C ${quote(facts.repo)}${excluding([".git", ...source.exclude, ...without.map((place) => `/${place}`)])} -cf - . | ${into}`,
    ];
  // The prefix gives names the form that the patterns have for a working tree.
  const literal = paths === undefined ? "" : " --literal-pathspecs";
  const archive = `git -C ${quote(facts.repo)} -c tar.umask=0022${literal} archive --format=tar --prefix=./ ${facts.sha}`;
  return [`${archive}${paths === undefined ? "" : ` -- ${paths}`} | ${into}${excluding(source.exclude)}`];
}

// As in .gitignore: a pattern with a slash is tied to the root, one without matches a name at any depth.
const anchored = (pattern: string) =>
  pattern.replace(/\/$/, "").includes("/")
    ? `./${pattern.replace(/^\/+/, "").replace(/\/$/, "")}`
    : pattern.replace(/\/$/, "");

/** `place` relative to the repository when it lies inside, so that a release never holds the tree that holds it. */
export function insideRepo(repo: string, place: string): string | undefined {
  const relative = path.relative(repo, place);
  return relative && !relative.startsWith("..") && !path.isAbsolute(relative) ? relative : undefined;
}
