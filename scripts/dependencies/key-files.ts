import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { git } from "../build/git.ts";
import { type SourceFacts } from "../build/source.ts";
import { standing } from "../core/durable.ts";

/** A lockfile: git's id of what it holds, or why it is none. */
export type KeyFile = { place: string; id: string } | { place: string; problem: string };

/** Reads what identifies the lockfiles of a set. */
export type ReadKeyFiles = (places: string[]) => KeyFile[];

/** The lockfiles that a commit has: nothing but git's tree is read. */
export const committedFiles =
  ({ repo, sha, ref }: SourceFacts): ReadKeyFiles =>
  (places) => {
    if (places.length === 0) return [];
    const { stdout } = git(repo, "--literal-pathspecs", "ls-tree", "-z", sha, "--", ...places);
    const entries = stdout.split("\0").map((entry) => /^(\d+) \w+ (\w+)\t([^]*)$/.exec(entry) ?? []);
    const found = new Map(entries.map(([, mode = "", id = "", place = ""]) => [place, { mode, id }]));
    return places.map((place) => {
      const { mode, id } = found.get(place) ?? { mode: "", id: "" };
      if (mode.startsWith("100")) return { place, id };
      return { place, problem: mode === "" ? `is not in ${ref} (${sha.slice(0, 7)})` : problemOf(mode === "120000") };
    });
  };

/** The lockfiles that lie in a directory: a working tree, or a release. Their ids are those that git gives. */
export const lyingFiles =
  (directory: string): ReadKeyFiles =>
  (places) =>
    places.map((place) => {
      const file = path.join(directory, place);
      const now = standing(file);
      if (!now?.isFile()) return { place, problem: now ? problemOf(now.isSymbolicLink()) : `is not in ${directory}` };
      const content = fs.readFileSync(file);
      return { place, id: createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex") };
    });

const problemOf = (isLink: boolean) =>
  isLink ? "is a symbolic link: name the file that it leads to" : "is no file: name each lockfile";
