import path from "node:path";
import type { Context } from "../core/context.ts";
import { command, type Step } from "../core/step.ts";
import { keepsApi } from "../api/kept.ts";
import { byHandPath, differenceOf, type Installation } from "../render/installed.ts";
import { isMarked } from "../render/mark.ts";
import { idleLine, loadLine, unloadLine } from "./launchctl.ts";
import { DAEMONS, type Owner, targetOfFile } from "./names.ts";
import { readComments } from "./xml.ts";

/** What is installed for a tree, and what a manifest wants. */
export interface LaunchdFacts extends Installation {
  owner: Owner;
  /** Whether root runs this, who needs no sudo. */
  isRoot: boolean;
}

/** Who gives launchctl its orders. */
type Giver = Pick<LaunchdFacts, "owner" | "isRoot">;

const isDaemon = (file: string) => path.dirname(file) === DAEMONS;

/** Whether a property list is that of a job, which starts at times and not when it is loaded. */
export const isJob = (content: string) => content.includes("<key>StartCalendarInterval</key>");

/** Whether a property list is the suite's own, which no supervisor loads: a job, or the release API. */
export const isOwn = (content: string) => isJob(content) || keepsApi(content);

/** Seconds that launchd may take from ExitTimeOut on, when it kills, until a job is gone. */
export const MARGIN = 10;

const exitTimeOutOf = (content: string) => Number(/<key>ExitTimeOut<\/key>\s*<integer>(\d+)/.exec(content)?.[1] ?? 20);

/** Takes a job out of launchd, and its process with it; one that is not loaded is no error. */
export function unloadStep({ owner, isRoot }: Giver, file: string, content: string): Step {
  const target = targetOfFile(file, owner);
  const lines = [unloadLine(target, exitTimeOutOf(content) + MARGIN, isRoot)];
  return launchctlStep(`Unload ${target.label}`, lines);
}

/** Loads a job into launchd. */
export function loadStep({ owner, isRoot }: Giver, file: string): Step {
  const target = targetOfFile(file, owner);
  return launchctlStep(`Load ${target.label}`, [loadLine(target, isRoot)]);
}

const launchctlStep = (title: string, lines: string[]): Step => ({
  kind: "run",
  key: "launchctl",
  title,
  run: { lines, cwd: "/", env: {} },
});

/** Writes a property list. The system's folder is there; a user's own has to be made. */
function writeSteps(file: string, content: string, title = `Write ${file}`): Step[] {
  const folder = path.dirname(file);
  const write: Step = { kind: "write", title, path: file, content, mode: 0o644 };
  if (isDaemon(file)) return [{ ...write, asRoot: true }];
  return [{ kind: "mkdir", title: `Make ${folder}`, path: folder }, write];
}

/**
 * Writes a property list in place of what stands there, and lets the system's own parser read it. What a person wrote is kept, under
 * a name that launchd does not read.
 */
export function replaceSteps({ paths }: Context, file: string, content: string, before: string | undefined): Step[] {
  const isByHand = before !== undefined && !isMarked(readComments(before), paths.deployTo);
  const kept = byHandPath(file);
  return [
    ...(isByHand ? writeSteps(kept, before, `Keep ${kept}, which was written by hand`) : []),
    ...writeSteps(file, content),
    lintStep(file),
  ];
}

/** Puts files back as they stood before. */
export const restoreSteps = (before: ReadonlyMap<string, string>, files: readonly string[]): Step[] =>
  files.flatMap((file) => {
    const content = before.get(file);
    return content === undefined ? [removeStep(file)] : writeSteps(file, content);
  });

const lintStep = (file: string): Step => ({
  kind: "run",
  key: "plutil",
  title: `Check ${path.basename(file)}`,
  run: { lines: [`[ ! -x /usr/bin/plutil ] || ${command("/usr/bin/plutil", "-lint", "-s", file)}`], cwd: "/", env: {} },
});

export const removeStep = (file: string): Step => ({
  kind: "remove",
  title: `Remove ${file}`,
  path: file,
  ...(isDaemon(file) ? { asRoot: true } : {}),
});

export interface PlistChange extends Giver {
  from: ReadonlyMap<string, string>;
  to: ReadonlyMap<string, string>;
}

/** Refuses to load a job anew, or to unload it, while it runs: launchd would end it. */
export function launchdGuards({ owner, isRoot, from, to }: PlistChange): Step[] {
  const { gone, changed } = differenceOf(from, to);
  const files = [...gone.map(([file]) => file), ...changed.map(([file]) => file)];
  return files
    .filter((file) => isJob(from.get(file) ?? ""))
    .map((file) => {
      const target = targetOfFile(file, owner);
      return launchctlStep(`Check that ${target.label} does not run`, [idleLine(target, isRoot)]);
    });
}

/**
 * Makes the installed property lists what is wanted: those that are gone are unloaded and removed, those that differ are written.
 * What is the suite's own and differs is loaded anew; a service is when it is started next, by its supervisor. Nothing differs: no step.
 */
export function launchdSteps(context: Context, change: PlistChange): Step[] {
  const { from, to } = change;
  const { gone, changed } = differenceOf(from, to);
  const reload = (file: string, content: string) =>
    isOwn(content) ? [unloadStep(change, file, content), loadStep(change, file)] : [];
  return [
    ...gone.flatMap(([file, content]) => [unloadStep(change, file, content), removeStep(file)]),
    ...changed.flatMap(([file, content]) => [
      ...replaceSteps(context, file, content, from.get(file)),
      ...reload(file, content),
    ]),
  ];
}
