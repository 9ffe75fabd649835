import { type InstalledFile, textsOf } from "./file.ts";

/** path → text. */
export type Texts = ReadonlyMap<string, string>;

/** A tree's files in the folders of its managers, as they are on this host, and as a manifest wants them. */
export interface Installation {
  /** What bears the tree's mark, and whatever stands where a file is wanted: path → text. */
  installed: Texts;
  wanted: readonly InstalledFile[];
}

/** What leads from some files to others: those that go, with their text, and those that come or change, with the new one. */
export const differenceOf = (from: Texts, to: Texts) => ({
  gone: [...from].filter(([file]) => !to.has(file)),
  changed: [...to].filter(([file, content]) => from.get(file) !== content),
});

/** Files that go, come or change, with that word. */
export function changesOf({ installed, wanted }: Installation): string[] {
  const { gone, changed } = differenceOf(installed, textsOf(wanted));
  return [
    ...gone.map(([file]) => `goes: ${file}`),
    ...changed.map(([file]) => `${installed.has(file) ? "changes" : "comes"}: ${file}`),
  ];
}

/** Name under which a file that somebody wrote by hand is kept; neither systemd nor launchd reads one of that name. */
export const byHandPath = (file: string) => `${file}.by-hand`;
