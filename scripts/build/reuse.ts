import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { standing } from "../core/durable.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import { BUILDING, releasePath } from "../core/paths.ts";
import { checkedId } from "../core/release-id.ts";
import { above, outermost } from "./places.ts";
import { isReached, listedIn } from "./outputs.ts";
import type { SealedFile } from "./file-list.ts";
import { readFile } from "./release-tree.ts";

/** What is taken from where: the outputs of build step `name`, from release `from` into release `id`. */
export interface Reuse {
  id: string;
  name: string;
  from: string;
}

/**
 * Takes a build step's outputs from another release, by reflink where the file system can, else by copy; never by hard link, as a
 * release's build output may be written to. Each file is then read again and compared with what the other release was sealed with.
 * @throws FailedError that names the first file that is not as it was built; UsageError for a step or a release that there is not.
 */
export function applyReuse(context: Context, { id, name, from }: Reuse): void {
  const outputs = outputsOf(context, name);
  const source = releasePath(context.paths, checkedId(from));
  const target = releasePath(context.paths, checkedId(id));
  if (!fs.existsSync(path.join(target, BUILDING))) throw new UsageError(`${id} is not being built`);
  const listed = listedIn(source, outputs);
  const paths = new Map(listed.map((file) => [file.path, file]));
  for (const place of outputs) {
    makeWay(target, place);
    if (!isReached(source, place) || !standing(path.join(source, place))) throw altered(context, from, place);
    copy({ source, target, listed: paths }, place);
  }
  const wrong = listed.find((file) => !isSame(target, file));
  if (wrong || listed.length === 0) throw altered(context, from, wrong?.path ?? outputs.join(", "));
}

function outputsOf({ manifest }: Context, name: string): string[] {
  const step = Object.hasOwn(manifest.build, name) ? manifest.build[name] : undefined;
  if (step && step.outputs.length > 0) return outermost(step.outputs);
  throw new UsageError(`build.${name} has no outputs`, { next: "ops/release/build_release.ts --no-cache" });
}

const altered = ({ opsPath, flags }: Context, from: string, place: string) =>
  new FailedError(`${place} in ${from} is not what was built there`, {
    next: [`ops/release/verify.ts ${from}`, [`${opsPath}/release/build_release.ts`, ...flags, "--no-cache"].join(" ")],
  });

/** Takes away what the commit has at a place, and makes the directories above it. */
function makeWay(target: string, place: string): void {
  const leading = above(place).find((parent) => standing(path.join(target, parent))?.isSymbolicLink());
  if (leading !== undefined)
    throw new FailedError(`${leading} is a symbolic link in the release: ${place} would be written outside of it`, {
      next: "remove that link from the repository, or name another place in outputs",
    });
  fs.rmSync(path.join(target, place), { recursive: true, force: true });
  fs.mkdirSync(path.join(target, path.dirname(place)), { recursive: true });
}

interface Copying {
  source: string;
  target: string;
  /** By their path in the release: only these are taken. */
  listed: Map<string, SealedFile>;
}

/** Copies what is listed below a place, and directories that are empty; whether there was anything. */
function copy(copying: Copying, place: string): boolean {
  const [from, to] = [path.join(copying.source, place), path.join(copying.target, place)];
  const now = fs.lstatSync(from);
  if (now.isDirectory()) return copyDirectory(copying, place, now);
  if (!copying.listed.has(place)) return false;
  if (now.isSymbolicLink()) {
    fs.symlinkSync(fs.readlinkSync(from), to);
    fs.lutimesSync(to, now.atimeMs / 1000, now.mtimeMs / 1000);
  } else if (now.isFile()) {
    fs.copyFileSync(from, to, fs.constants.COPYFILE_FICLONE | fs.constants.COPYFILE_EXCL);
    finish(to, now);
  }
  return true;
}

function copyDirectory(copying: Copying, place: string, now: fs.Stats): boolean {
  const to = path.join(copying.target, place);
  const names = fs.readdirSync(path.join(copying.source, place));
  fs.mkdirSync(to, { mode: 0o700 });
  const taken = names.map((name) => copy(copying, `${place}/${name}`));
  const isWanted = names.length === 0 || taken.includes(true);
  if (isWanted) finish(to, now);
  else fs.rmdirSync(to);
  return isWanted;
}

function finish(to: string, { mode, atimeMs, mtimeMs }: fs.Stats): void {
  fs.chmodSync(to, mode & 0o7777);
  fs.utimesSync(to, atimeMs / 1000, mtimeMs / 1000);
}

function isSame(target: string, { path: place, content, isExecutable }: SealedFile): boolean {
  const now = standing(path.join(target, place));
  if (!now?.isFile() && !now?.isSymbolicLink()) return false;
  const found = readFile(target, place, now);
  return found.content === content && found.isExecutable === isExecutable;
}
