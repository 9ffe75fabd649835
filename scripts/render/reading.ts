import fs from "node:fs";
import path from "node:path";
import { diffTexts } from "../text/diff.ts";
import { type InstalledFile, textsOf } from "./file.ts";
import type { Installation, Texts } from "./installed.ts";

/** A file's text; undefined where there is none, or none that may be read. */
export function textOf(file: string): string | undefined {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (["ENOENT", "ENOTDIR", "EISDIR", "EACCES"].includes(code)) return undefined;
    throw error;
  }
}

/** The text of a file that is no link; undefined for what is not one, or not ours to read, such as a unit that is masked. */
export function ownTextOf(file: string): string | undefined {
  try {
    return fs.lstatSync(file).isFile() ? fs.readFileSync(file, "utf8") : undefined;
  } catch {
    return undefined;
  }
}

/** Of some files, those whose text is the tree's: path → text. */
export function observeMarked(files: readonly string[], isOwn: (content: string) => boolean): Texts {
  const texts = files.map((file) => [file, ownTextOf(file)] as const);
  return new Map(
    texts.flatMap(([file, content]) => (content !== undefined && isOwn(content) ? [[file, content]] : [])),
  );
}

/** Those, and whatever stands where a file is wanted. */
export const observeInstalled = (marked: Texts, wanted: readonly InstalledFile[]): Texts =>
  new Map([
    ...marked,
    ...observeMarked(
      wanted.map((file) => file.path),
      () => true,
    ),
  ]);

/** What would change, a unified diff for each file. */
export function diffsOf({ installed, wanted }: Installation): string[] {
  const texts = textsOf(wanted);
  return [...new Set([...installed.keys(), ...texts.keys()])]
    .map((file) =>
      diffTexts(file, { now: installed.get(file) ?? "", wanted: texts.get(file) ?? "" }, "as the manifest says"),
    )
    .filter((diff) => diff !== "");
}

/** Whether this process may write into a folder; one that is not there is its nearest parent's to make. */
export function isWritable(folder: string): boolean {
  if (!fs.existsSync(folder) && folder !== path.dirname(folder)) return isWritable(path.dirname(folder));
  try {
    fs.accessSync(folder, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
