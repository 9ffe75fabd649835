import fs from "node:fs";
import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import { isRoot } from "../core/as-root.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { command } from "../core/step.ts";
import { isMarked } from "../render/mark.ts";
import { refuseOthers } from "../render/other-trees.ts";
import { observeInstalled, observeMarked } from "../render/reading.ts";
import { subjectOf } from "../render/subject.ts";
import { hasLaunchd } from "./launchctl.ts";
import { agentsFolder, DAEMONS, type Owner } from "./names.ts";
import type { LaunchdFacts } from "./plist-steps.ts";
import { wantedPlists } from "./render.ts";
import { readComments } from "./xml.ts";

/** Property lists in the two folders that bear a tree's mark: path → text. */
export const markedPlists = (owner: Owner, deployTo: string) =>
  observeMarked([agentsFolder(owner), DAEMONS].flatMap(plistsIn), (content) =>
    isMarked(readComments(content), deployTo),
  );

const plistsIn = (folder: string) =>
  fs.existsSync(folder)
    ? fs.readdirSync(folder).flatMap((name) => (name.endsWith(".plist") ? [path.join(folder, name)] : []))
    : [];

/** Looks at the installed property lists of a tree; nothing is asked of a running launchd. */
export function observeLaunchd(context: Context, manifest: Manifest = context.manifest): LaunchdFacts {
  const subject = subjectOf(context, manifest);
  const { owner } = subject;
  const wanted = manifest.supervisor === "launchd" ? wantedPlists(subject) : [];
  if (wanted.length > 0 && hasLaunchd()) refuseWithoutLauncher(context);
  const installed = observeInstalled(markedPlists(owner, context.paths.deployTo), wanted);
  refuseOthers(context, { installed, wanted }, "label", readComments);
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
