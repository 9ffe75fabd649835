import fs from "node:fs";
import path from "node:path";
import { standing, syncDirectory } from "../durable.ts";
import { UsageError } from "../errors.ts";
import type { LinkStep } from "../step.ts";
import { command, quote } from "../step.ts";
import type { Kind } from "./kind.ts";

/** Prefix of the directories in which a new link waits for its rename; recovery removes what a kill left. */
export const WAITING = ".switch-";

export const link: Kind<LinkStep> = {
  // Capistrano's way: a link of the same name made elsewhere and moved into the directory. `mv` onto a link to
  // a directory lands inside it, and its -T and -h differ between GNU and BSD.
  show(step) {
    const directory = path.dirname(step.path);
    const name = quote(path.basename(step.path));
    const guards = between(step).map((place) => `[ ! -L ${quote(place)} ]`);
    const clear = step.clears ? [command("rm", "-rf", "--", step.path)] : [];
    return [
      ...guards,
      command("mkdir", "-p", "--", directory),
      ...clear,
      `new=$(mktemp -d ${quote(`${directory}/${WAITING}XXXXXX`)})`,
      `ln -s -- ${quote(step.target)} "$new"/${name}`,
      `mv -f -- "$new"/${name} ${quote(`${directory}/`)}`,
      `rmdir -- "$new"`,
    ].join("\n");
  },
  apply(step) {
    refuseLinksBetween(step);
    const directory = path.dirname(step.path);
    fs.mkdirSync(directory, { recursive: true });
    if (step.clears) fs.rmSync(step.path, { recursive: true, force: true });
    refuseDirectory(step.path);
    const waiting = fs.mkdtempSync(path.join(directory, WAITING));
    try {
      const made = path.join(waiting, path.basename(step.path));
      fs.symlinkSync(step.target, made);
      fs.renameSync(made, step.path);
    } finally {
      fs.rmSync(waiting, { recursive: true, force: true });
    }
    syncDirectory(directory);
  },
  done: (step) => standing(step.path)?.isSymbolicLink() === true && fs.readlinkSync(step.path) === step.target,
};

/** The places between `within` and the link, none of which may be a link that leads out. */
function between(step: LinkStep): string[] {
  if (!step.within) return [];
  const parts = path.relative(step.within, path.dirname(step.path)).split(path.sep).filter(Boolean);
  return parts.map((_, i) => path.join(step.within as string, ...parts.slice(0, i + 1)));
}

function refuseLinksBetween(step: LinkStep): void {
  const leading = between(step).find((place) => standing(place)?.isSymbolicLink());
  if (leading)
    throw new UsageError(`${leading} is a symbolic link in the release: ${step.path} would be linked outside of it`, {
      next: "remove that link from the repository, or name another place in linked_files / linked_dirs",
    });
}

function refuseDirectory(place: string): void {
  if (standing(place)?.isDirectory())
    throw new UsageError(`${place} is a real directory where a link should be`, {
      next: `mv ${quote(place)} ${quote(`${place}.was-a-directory`)}`,
    });
}
