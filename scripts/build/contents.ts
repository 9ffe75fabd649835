import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { standing } from "../core/durable.ts";
import { hashFile } from "../core/hash-file.ts";
import { above, outermost } from "./places.ts";
import { git } from "./git.ts";
import { answerOf } from "./git-trees.ts";
import { type SourceFacts } from "./source.ts";

/** What a source has at a place; an id changes when anything below the place does. */
export interface Content {
  kind: "absent" | "link" | "there";
  id: string;
}

const ABSENT: Content = { kind: "absent", id: "absent" };

/** What a commit has at some places that do not lie in each other: git's own ids, so that nothing is read. */
export function committedContents({ repo, sha }: Pick<SourceFacts, "repo" | "sha">, places: string[]) {
  const found = new Map<string, Content>(places.map((place) => [place, ABSENT]));
  if (places.includes("."))
    return found.set(".", { kind: "there", id: answerOf(repo, "rev-parse", `${sha}:./`).trim() });
  if (places.length === 0) return found;
  for (const entry of answerOf(repo, "--literal-pathspecs", "ls-tree", "-z", sha, "--", ...places).split("\0")) {
    const [, id = "", place = ""] = /^([^\t]+)\t([\s\S]*)$/.exec(entry) ?? [];
    if (found.has(place)) found.set(place, { kind: id.startsWith("120000") ? "link" : "there", id });
  }
  for (const [place, content] of found)
    if (content.kind === "absent" && isBehindLink({ repo, sha }, place)) found.set(place, { ...ABSENT, kind: "link" });
  return found;
}

/** Whether a place is reached through a link of the commit. */
function isBehindLink(source: Pick<SourceFacts, "repo" | "sha">, place: string): boolean {
  return above(place).some((parent) => committedContents(source, [parent]).get(parent)?.kind === "link");
}

/** The places of `.gitattributes` that say how the files of some places are written into a release. */
export const attributePlaces = (places: string[]): string[] =>
  outermost([
    ...places,
    ...places.flatMap((place) => ["", ...above(place)]).map((place) => path.posix.join(place, ".gitattributes")),
  ]);

/** Whether `git archive` writes of the commit itself into some file: then no file's id tells what the release has. */
export const hasSubstitutions = ({ repo, sha }: SourceFacts): boolean =>
  git(repo, "grep", "--quiet", "--fixed-strings", "export-subst", sha, "--", ".gitattributes", "*/.gitattributes")
    .status === 0;

/** What lies at some places of a working tree: a hash of all names, modes and contents but for what is left out. */
export function lyingContents(repo: string, places: string[], isLeftOut: (place: string) => boolean) {
  return new Map(places.map((place): [string, Content] => [place, lyingContent(repo, place, isLeftOut)]));
}

function lyingContent(repo: string, place: string, isLeftOut: (place: string) => boolean): Content {
  const isLink = (one: string) => standing(path.join(repo, one))?.isSymbolicLink() === true;
  if ([...above(place), place].some(isLink)) return { kind: "link", id: "link" };
  const hash = createHash("sha256");
  let count = 0;
  const walk = (one: string) => {
    const now = standing(path.join(repo, one));
    if (!now || isLeftOut(one)) return;
    count += 1;
    const kind = now.isSymbolicLink()
      ? `-> ${fs.readlinkSync(path.join(repo, one))}`
      : now.isFile()
        ? hashFile(path.join(repo, one))
        : "";
    hash.update(`${JSON.stringify([one, (now.mode & 0o111) !== 0, kind])}\n`);
    if (now.isDirectory())
      for (const name of fs.readdirSync(path.join(repo, one)).sort()) walk(path.posix.join(one, name));
  };
  walk(place);
  return count === 0 ? ABSENT : { kind: "there", id: hash.digest("hex") };
}

/**
 * Which files of a working tree `tar` leaves out by `source.exclude`. A pattern that this cannot tell leaves nothing out: then a
 * step runs once too often, never once too few.
 */
export function excludedBy(patterns: string[]): (place: string) => boolean {
  const rules = patterns.filter((pattern) => !/[[\]\\]/.test(pattern)).map(ruleOf);
  return (place) => /(^|\/)\.git$/.test(place) || rules.some((rule) => rule.test(place));
}

// As in the extraction: a pattern with a slash is tied to the root, one without matches a name at any depth.
function ruleOf(pattern: string): RegExp {
  const name = pattern.replace(/^\/+|\/$/g, "");
  const wild = name
    .replace(/[.+^${}()|]/g, "\\$&")
    .replaceAll("*", "[^]*")
    .replaceAll("?", "[^]");
  return new RegExp(pattern.replace(/\/$/, "").includes("/") ? `^${wild}$` : `(^|/)${wild}$`);
}
