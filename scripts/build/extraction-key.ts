import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Source } from "../../manifest.schema.ts";
import { answerOf, trackedIn } from "./git-trees.ts";
import { git } from "./git.ts";

/** Settings by which git writes a file otherwise than its object has it. */
const SETTINGS = String.raw`^(filter\..*|core\.(autocrlf|eol|attributesfile|symlinks|bigfilethreshold)|tar\..*)$`;

/**
 * What the extraction of a commit rests on besides git's objects, as one hash: two commits with the same one write the same object as
 * the same file. Undefined where attributes write of the commit itself into files, or leave some out (gitattributes(5)).
 */
export function extractionKey({ repo, exclude }: Pick<Source, "repo" | "exclude">, sha: string): string | undefined {
  const tracked = trackedIn(repo, sha);
  if (!tracked) return undefined;
  const inTree = [...tracked]
    .filter(([place]) => path.posix.basename(place) === ".gitattributes")
    .map(([place, { object }]) => ({ place, text: answerOf(repo, "cat-file", "-p", object) }));
  // A release of another folder of the repository has other files under the same names.
  const folder = git(repo, "rev-parse", "--show-prefix").stdout;
  const settings = git(repo, "config", "--includes", "-z", "--get-regexp", SETTINGS).stdout;
  const outside = attributeFiles(repo, settings).map(textOf);
  if ([...inTree.map(({ text }) => text), ...outside].some((text) => text.includes("export-"))) return undefined;
  return createHash("sha256")
    .update(JSON.stringify([2, folder, exclude, inTree, settings, outside]))
    .digest("hex");
}

function attributeFiles(repo: string, settings: string): string[] {
  const info = git(repo, "rev-parse", "--git-path", "info/attributes").stdout.trimEnd();
  const named = /^core\.attributesfile\n([^\0]*)/m.exec(settings)?.[1]?.replace(/^~(?=\/)/, os.homedir());
  const ofUser = path.join(process.env["XDG_CONFIG_HOME"] || path.join(os.homedir(), ".config"), "git/attributes");
  return [path.resolve(repo, info), named ? path.resolve(repo, named) : ofUser, "/etc/gitattributes"];
}

function textOf(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
