import fs from "node:fs";
import path from "node:path";
import { git, type Place, run } from "../place.ts";
import type { Size } from "../repository.ts";
import { type Capistrano, makeCapistrano } from "../ways/capistrano.ts";
import { type BenchManifest, inputsOf, keysOf } from "../ways/manifest.ts";
import type { Server } from "../ways/sshd.ts";

/** What every row is measured with. */
export interface Bench {
  place: Place;
  size: Size;
  runs: number;
  manifest: BenchManifest;
  /** The repository is the one that the bench made. */
  isOwn: boolean;
  hasCapistrano: boolean;
  server: Server | undefined;
}

/** Capistrano with each backend that can be tried here. */
export function capistranos({ place, hasCapistrano, server }: Bench, name: string, script: string) {
  const made: { column: "capistrano" | "capistrano, ssh"; cap: Capistrano }[] = [];
  // Where the numbers are not looked at, each of the two is tried once.
  const isTried = (row: string) => !place.isHurried || name === row;
  if (hasCapistrano && isTried("nothing"))
    made.push({ column: "capistrano", cap: makeCapistrano(place, `${name}-cap`, script) });
  if (server && isTried("switch"))
    made.push({ column: "capistrano, ssh", cap: makeCapistrano(place, `${name}-ssh`, script, server) });
  return made;
}

export const head = (place: Place) => git(place, "rev-parse", "HEAD");

/** Tracked regular files, relative to the repository. */
export const filesOf = (place: Place) =>
  git(place, "ls-files", "-s", "-z")
    .split("\0")
    .flatMap((line) => (/^100\d{3} /.test(line) ? [line.slice(line.indexOf("\t") + 1)] : []));

/** A file that no build step reads and no dependency set is told by: one of the backend. */
export function backendFile({ place, manifest, isOwn }: Bench): string {
  if (isOwn) return "backend/area0/module0.py";
  const read = [...inputsOf(manifest), ...keysOf(manifest)];
  const free = filesOf(place).filter(
    (file) => !read.some((one) => file === one || file.startsWith(`${one}/`) || one === "."),
  );
  const text = free.find((file) => /\.(md|txt|rst|py|rb)$/i.test(file)) ?? free[0];
  return text ?? "bench.txt";
}

export const append = (place: Place, file: string, what = "\n") => fs.appendFileSync(path.join(place.repo, file), what);

export const remove = (place: Place, ...words: string[]) =>
  void run(place, { program: "rm", words: ["-rf", "--", ...words] });
