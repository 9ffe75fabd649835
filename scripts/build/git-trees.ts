import { FailedError } from "../core/errors.ts";
import { git } from "./git.ts";

/** A commit's entries: path → git's mode and id, as `ls-tree` has them. */
export type Tracked = Map<string, { mode: string; object: string }>;

/** What the parts of one build ask git more than once; a commit never changes. */
const answers = new Map<string, string>();

/** What git prints in a repository. @throws FailedError where git fails. */
export function answerOf(repo: string, ...words: string[]): string {
  const key = JSON.stringify([repo, words]);
  const known = answers.get(key);
  if (known !== undefined) return known;
  const { status, stdout, stderr } = git(repo, ...words);
  if (status !== 0) throw new FailedError(`git ${words.join(" ")} failed in ${repo}: ${stderr.trim()}`);
  answers.set(key, stdout);
  return stdout;
}

/**
 * The entries of a commit, below the repository's directory and relative to it, as `git archive` has them; undefined where a name is no
 * UTF-8, which this runtime cannot hold.
 */
export function trackedIn(repo: string, sha: string): Tracked | undefined {
  const text = answerOf(repo, "ls-tree", "-r", "-z", sha);
  if (text.includes("\uFFFD")) return undefined;
  const entries = text.split("\0").filter(Boolean);
  return new Map(
    entries.map((entry) => {
      const tab = entry.indexOf("\t");
      const [mode = "", , object = ""] = entry.slice(0, tab).split(" ");
      return [entry.slice(tab + 1), { mode, object }];
    }),
  );
}

/**
 * Path → bytes of a commit's files, or of those at some paths of it: git looks into each of them, so it is asked only where that
 * matters.
 */
export function sizesIn(repo: string, sha: string, paths: string[] = []): Map<string, number> {
  const text = answerOf(repo, "--literal-pathspecs", "ls-tree", "-r", "-l", "-z", sha, "--", ...paths);
  const rows = text.split("\0").map((entry) => /^\S+ \S+ \S+ +(\d+|-)\t([^]*)$/.exec(entry) ?? []);
  return new Map(rows.flatMap(([, bytes = "", place]) => (place === undefined ? [] : [[place, Number(bytes) || 0]])));
}

/** Paths that two commits do not have alike, in content, mode or kind. */
export function changedBetween(repo: string, from: string, to: string): Set<string> {
  if (from === to) return new Set();
  const words = ["diff-tree", "-r", "--raw", "-z", "--relative", "--no-renames", "--no-ext-diff", from, to];
  // Each change is two fields: what became of it, and its path.
  const fields = answerOf(repo, ...words).split("\0");
  return new Set(fields.filter((_, i) => i % 2 === 1));
}

/** A commit's time in milliseconds: what `git archive` gives to every file. */
export const commitTime = (repo: string, sha: string) =>
  Number(answerOf(repo, "log", "-1", "--no-show-signature", "--format=%ct", sha).trim()) * 1000;
