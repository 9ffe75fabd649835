import { createHash } from "node:crypto";
import fs from "node:fs";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { observeCurrent, observeRelease } from "../core/observe.ts";
import { releasePath } from "../core/paths.ts";
import { reporter } from "../core/reporter.ts";
import { checkedId } from "../core/release-id.ts";
import { filesPath, readTree, type SealedFile } from "../build/seal.ts";
import { printable } from "../text/table.ts";

/** What `verify --json` gives. */
export interface Verification {
  release_id: string;
  /** Nothing that was sealed is changed or missing. */
  is_intact: boolean;
  /** Why it cannot be compared at all; null when it was. */
  problem: string | null;
  /** Files that were sealed. */
  files: number;
  changed: { path: string; how: "content" | "mode" | "kind" }[];
  missing: string[];
  /** Files that came later, such as caches: no fault. */
  added: string[];
}

/** Compares a release with what it was when it was sealed. @throws UsageError for a release that is not there. */
export function observeVerification({ paths, opsPath }: Context, named: string | undefined): Verification {
  const id = named === undefined ? observeCurrent(paths).releaseId : checkedId(named);
  if (id === undefined)
    throw new UsageError(`nothing is deployed in ${paths.deployTo}: name the release to verify`, {
      next: `${opsPath}/release/list.ts`,
    });
  const release = observeRelease(paths, id);
  if (!release.isComplete && !release.isBuilding)
    throw new UsageError(`there is no release ${id} in ${paths.releases}`, { next: `${opsPath}/release/list.ts` });
  const directory = releasePath(paths, id);
  const list = fs.existsSync(filesPath(directory)) ? fs.readFileSync(filesPath(directory), "utf8") : undefined;
  const problem = problemOf(release, list);
  if (problem !== null || list === undefined) return { ...nothing(id), problem };
  return compare(id, parseFiles(list), readTree(directory).files);
}

const nothing = (id: string): Verification => ({
  release_id: id,
  is_intact: false,
  problem: null,
  files: 0,
  changed: [],
  missing: [],
  added: [],
});

function problemOf(release: { isBuilding: boolean; treeSha256?: string }, list: string | undefined): string | null {
  if (release.isBuilding) return "it is not complete: its build was interrupted, or is at work now";
  if (release.treeSha256 === undefined && list === undefined)
    return "it cannot be verified: it was made by hand or by another tool, and has no RELEASE.files";
  if (list === undefined) return "RELEASE.files is missing: nothing is left to compare it with";
  if (release.treeSha256 === undefined) return "RELEASE.json does not say the tree_sha256 that RELEASE.files must have";
  const isOwn = createHash("sha256").update(list).digest("hex") === release.treeSha256;
  return isOwn ? null : "RELEASE.files itself was changed: it is not the list that RELEASE.json names by tree_sha256";
}

const parseFiles = (list: string): SealedFile[] =>
  list
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [path, content, isExecutable] = JSON.parse(line) as [string, string, boolean];
      return { path, content, isExecutable };
    });

/** What differs between two lists of files, each in the order of its names. */
function compare(id: string, sealed: SealedFile[], found: SealedFile[]): Verification {
  const now = new Map(found.map((file) => [file.path, file]));
  const before = new Set(sealed.map((file) => file.path));
  const changed = sealed.flatMap((file) => {
    const how = changeOf(file, now.get(file.path));
    return how ? [{ path: file.path, how }] : [];
  });
  const missing = sealed.flatMap(({ path }) => (now.has(path) ? [] : [path]));
  const added = found.flatMap(({ path }) => (before.has(path) ? [] : [path]));
  const is_intact = changed.length === 0 && missing.length === 0;
  return { release_id: id, is_intact, problem: null, files: sealed.length, changed, missing, added };
}

const isLink = ({ content }: SealedFile) => content.startsWith("-> ");

function changeOf(sealed: SealedFile, now: SealedFile | undefined): "content" | "mode" | "kind" | undefined {
  if (!now) return undefined;
  if (isLink(sealed) !== isLink(now)) return "kind";
  if (sealed.content !== now.content) return "content";
  return sealed.isExecutable === now.isExecutable ? undefined : "mode";
}

const MOST = 20;

/** `ops/release/verify.ts` for a person. */
export function renderVerification(found: Verification): string {
  const { release_id, is_intact, problem, files, changed, missing, added } = found;
  if (problem !== null) return reporter().paint("red", `${release_id}: ${problem}`);
  const counts = [`${changed.length} changed`, `${missing.length} missing`, `${added.length} added`].join(", ");
  const head = is_intact
    ? `${release_id} is as it was sealed: ${files} files`
    : `${release_id} is not as it was sealed: ${counts}, of ${files} files`;
  return [
    reporter().paint(is_intact ? "green" : "red", head),
    ...someOf(changed.map(({ path, how }) => `  changed  ${path}${how === "content" ? "" : ` (its ${how})`}`)),
    ...someOf(missing.map((path) => `  missing  ${path}`)),
    ...someOf(added.map((path) => `  added    ${path}`)),
  ].join("\n");
}

const someOf = (lines: string[]) => [
  ...lines.slice(0, MOST).map(printable),
  ...(lines.length > MOST ? [`           … and ${lines.length - MOST} more: --json names all`] : []),
];
