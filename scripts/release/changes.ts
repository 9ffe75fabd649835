import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { observeRelease, observeTree, type TreeFacts } from "../core/observe.ts";
import { quote } from "../core/step.ts";
import { git } from "../build/git.ts";
import { observeSource } from "../build/source.ts";
import { printable } from "../text/table.ts";

/** One end of a comparison: a release, or what a ref names. */
interface End {
  name: string;
  /** Forty hex digits. */
  sha: string;
}

interface Commit {
  sha: string;
  subject: string;
}

/** What `changes --json` gives. */
export interface Changes {
  from: End;
  to: End;
  /** In `to` and not in `from`, the latest first. */
  commits: Commit[];
  /** In `from` and not in `to`: what going back, or over to another branch, takes away. */
  left_out: Commit[];
  /** Files that differ. */
  files: string[];
}

/**
 * Compares the commits of two releases or refs; from the current release to `source.ref` when they are not named.
 * @throws UsageError for a release without a commit, or one that the repository does not have
 */
export function observeChanges(context: Context, from: string | undefined, to: string | undefined): Changes {
  const { paths, manifest, opsPath } = context;
  const tree = observeTree(paths);
  const start = from ?? tree.current.releaseId;
  if (start === undefined)
    throw new UsageError(`nothing is deployed in ${paths.deployTo}: name what to start from`, {
      next: `${opsPath}/release/changes.ts <from> [to]`,
    });
  const ends: [End, End] = [endOf(context, tree, start), endOf(context, tree, to ?? manifest.source.ref)];
  return { from: ends[0], to: ends[1], ...between(manifest.source.repo, ends[0].sha, ends[1].sha) };
}

/** A release's id comes before a ref of the same name: v2.0.0 is what was built as v2.0.0, wherever the tag is now. */
function endOf(context: Context, tree: TreeFacts, name: string): End {
  const { repo } = context.manifest.source;
  const isRelease = tree.ids.includes(name) || tree.rows.has(name);
  if (!isRelease) return { name, sha: observeSource({ ...context.manifest.source, via: "git" }, name).sha };
  const recorded = observeRelease(context.paths, name).sha || tree.rows.get(name)?.commit_sha || "";
  const sha = commitOf(repo, recorded);
  if (sha) return { name, sha };
  if (!isSha(recorded))
    throw new UsageError(`${name} does not say from which commit it was built`, {
      next: `${context.opsPath}/release/list.ts`,
    });
  throw new UsageError(`${repo} does not have commit ${recorded}, from which ${name} was built`, {
    next: [`git -C ${quote(repo)} fetch --all --tags`, `git -C ${quote(repo)} status`],
  });
}

const isSha = (text: string) => /^[0-9a-f]{7,64}$/i.test(text);

/** The whole sha of a commit that the repository has; else undefined. */
function commitOf(repo: string, sha: string): string | undefined {
  if (!isSha(sha)) return undefined;
  const { status, stdout } = git(repo, "rev-parse", "--verify", "--quiet", `${sha}^{commit}`);
  return status === 0 ? stdout.trim() : undefined;
}

function between(repo: string, from: string, to: string): Omit<Changes, "from" | "to"> {
  const files = git(repo, "diff", "--name-only", "--no-renames", "-z", from, to).stdout.split("\0").filter(Boolean);
  return { commits: commitsOf(repo, from, to), left_out: commitsOf(repo, to, from), files };
}

function commitsOf(repo: string, from: string, to: string): Commit[] {
  const { stdout } = git(repo, "log", "--no-show-signature", "--no-color", "--format=%H %s", `${from}..${to}`);
  const lines = stdout.split("\n").filter(Boolean);
  return lines.map((line) => ({ sha: line.slice(0, line.indexOf(" ")), subject: line.slice(line.indexOf(" ") + 1) }));
}

/** `ops/release/changes.ts` for a person. */
export function renderComparison({ from, to, commits, left_out, files }: Changes): string {
  const title = `${nameOf(from)} → ${nameOf(to)}`;
  if (from.sha === to.sha) return `${title}: the same commit`;
  const back = left_out.length > 0 ? [`${left_out.length} taken back`] : [];
  return [
    `${title}: ${[count(commits.length, "commit"), ...back, count(files.length, "file")].join(", ")}`,
    ...commits.map(lineOf),
    ...(left_out.length > 0 ? ["", `taken back, in ${nameOf(from)} only:`, ...left_out.map(lineOf)] : []),
    ...(files.length > 0 ? ["", "files:", ...files.map((file) => `  ${printable(file)}`)] : []),
  ].join("\n");
}

const nameOf = ({ name, sha }: End) => (sha.startsWith(name) ? sha.slice(0, 7) : `${name} (${sha.slice(0, 7)})`);
const count = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`;
const lineOf = ({ sha, subject }: Commit) => `  ${sha.slice(0, 7)} ${printable(subject)}`;

const MOST = 10;

/** What a deploy brings, in a few lines for a person; none when nothing differs, or when that cannot be told. Never throws. */
export function renderChanges({ manifest }: Context, fromSha: string, toSha: string): string[] {
  const { repo } = manifest.source;
  try {
    const [from, to] = [commitOf(repo, fromSha), commitOf(repo, toSha)];
    if (!from || !to || from === to) return [];
    const [commits, lost] = [commitsOf(repo, from, to), commitsOf(repo, to, from)];
    return [
      ...(commits.length > 0
        ? [`${count(commits.length, "commit")} since ${from.slice(0, 7)}:`, ...firstOf(commits)]
        : []),
      ...(lost.length > 0
        ? [`${count(lost.length, "commit")} taken back, in ${from.slice(0, 7)} only:`, ...firstOf(lost)]
        : []),
    ];
  } catch {
    return [];
  }
}

const firstOf = (commits: Commit[]) => [
  ...commits.slice(0, MOST).map(lineOf),
  ...(commits.length > MOST ? [`  … and ${commits.length - MOST} more`] : []),
];
