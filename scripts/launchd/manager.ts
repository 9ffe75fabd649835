import fs from "node:fs";
import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import { isRoot } from "../core/as-root.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { command } from "../core/step.ts";
import { isMarked } from "../render/mark.ts";
import { subjectOf } from "../render/subject.ts";
import { hasLaunchd } from "./launchctl.ts";
import { agentsFolder, DAEMONS, type Owner } from "./names.ts";
import type { LaunchdFacts } from "./plist-steps.ts";
import { PLIST_MARK, wantedPlists } from "./render.ts";
import { readComments } from "./xml.ts";

/** Property lists in the two folders that bear a tree's mark: path → text. */
export function markedPlists(owner: Owner, deployTo: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of [agentsFolder(owner), DAEMONS].flatMap(plistsIn)) {
    const content = readOwn(file);
    if (content !== undefined && isMarked(readComments(content), deployTo)) found.set(file, content);
  }
  return found;
}

const plistsIn = (folder: string) =>
  fs.existsSync(folder)
    ? fs.readdirSync(folder).flatMap((name) => (name.endsWith(".plist") ? [path.join(folder, name)] : []))
    : [];

/** A file's text; undefined for what is not a file of ours to read. */
function readOwn(file: string): string | undefined {
  try {
    return fs.lstatSync(file).isFile() ? fs.readFileSync(file, "utf8") : undefined;
  } catch {
    return undefined;
  }
}

const MARKED = new RegExp(`<key>${PLIST_MARK}</key>\\s*<string>([0-9a-f]+)</string>`);

/** Which property list a text is; undefined for one that was not rendered here. */
export const markIn = (content: string): string | undefined => MARKED.exec(content)?.[1];

/** Which property list is installed at a place; undefined for none. */
export function plistMarkOf(file: string): string | undefined {
  const content = readOwn(file);
  return content === undefined ? undefined : markIn(content);
}

/** Looks at the installed property lists of a tree; nothing is asked of a running launchd. */
export function observeLaunchd(context: Context, manifest: Manifest = context.manifest): LaunchdFacts {
  const subject = subjectOf(context, manifest);
  const { owner } = subject;
  const wanted = wantedPlists(subject);
  if (wanted.length > 0 && hasLaunchd()) refuseWithoutLauncher(context);
  const installed = markedPlists(owner, context.paths.deployTo);
  for (const { path: file } of wanted) {
    const content = readOwn(file);
    if (content !== undefined) installed.set(file, content);
  }
  return { owner, isRoot: isRoot(), installed, wanted };
}

/** Every job begins with a command of the suite in the tree: without it launchd could start none of them. */
function refuseWithoutLauncher({ paths, opsPath, flags }: Context): void {
  const launcher = path.join(paths.ops, "service/launch.ts");
  if (fs.existsSync(launcher)) return;
  throw new UsageError(`launchd starts ${launcher}, which does not exist: the suite is not in the tree yet`, {
    next: command(`${opsPath}/release/prepare_shared.ts`, ...flags),
  });
}
