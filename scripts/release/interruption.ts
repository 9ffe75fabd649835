import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { standing } from "../core/durable.ts";
import { holdPath, jobHoldPath } from "../database/hold.ts";
import { isMarked } from "../database/mark.ts";
import type { OperationRow } from "../registry/journal.ts";
import { observeRelease, observeTree, type TreeFacts } from "../core/observe.ts";
import { BUILDING, releasePath } from "../core/paths.ts";
import { OPERATION_MARK } from "../core/operation-mark.ts";
import { WAITING } from "../core/steps/link.ts";
import { definitionsOf, recordedManifest } from "../service/definitions.ts";
import { observeManaged } from "../service/managed.ts";
import { type ManagedFacts, UNMANAGED } from "../service/managed-steps.ts";
import { runningServices } from "../service/supervisors.ts";
import { observeProcesses } from "../processes/processes.ts";
import { observeDependencyUse, unfinishedSets } from "../dependencies/unused.ts";
import { findUnfinishedBackups } from "../database/backups.ts";
import { observePage, type PageFacts } from "./page.ts";
import { observeRemoving } from "../room/removal.ts";
import { linkAt } from "../dependencies/relink.ts";
import { findUnfinished, keptPath } from "../shared/linked.ts";

export interface RecoveryFacts {
  tree: TreeFacts;
  /** The operation that did not end. */
  operation: OperationRow;
  /** Services that run now. */
  running: string[];
  /** The release to go back to is still there, and complete. */
  isPreviousComplete: boolean;
  /** Services of the release to go back to, as it last ran healthy. */
  services: string[];
  /** What service managers know of the tree, and what they have to know for that release. */
  managed: ManagedFacts;
  /** The maintenance page that an interrupted switch may have left on. */
  page: PageFacts;
  /** It was about to change the data, or had. */
  isDataOpen: boolean;
  /** Processes that the operation started and that outlived it. */
  orphans: number[];
  /** Directories and files that no operation would leave: absolute. */
  leftovers: string[];
  /** Releases that were on their way out. */
  removing: string[];
  /** Releases that bear the mark of a build. */
  building: string[];
  /** Links of the current release to a dependency set that a promotion has just put there, and what each led to before. */
  promoted: { kept: string; place: string; target: string }[];
  /** Shared entries of which only the old one is left, under its kept name: [kept, its own place]. */
  kept: [string, string][];
}

/** Looks at what an interrupted operation left. */
export async function observeRecovery(context: Context, operation: OperationRow): Promise<RecoveryFacts> {
  const { paths } = context;
  const tree = observeTree(paths);
  const entries = fs.existsSync(paths.releases) ? fs.readdirSync(paths.releases) : [];
  const previous = operation.previous_release_id;
  const manifest = previous ? await recordedManifest(context, previous) : context.manifest;
  const { marks } = observeProcesses(OPERATION_MARK);
  const unfinished = findUnfinished(context);
  const building = tree.ids.filter((id) => fs.existsSync(path.join(releasePath(paths, id), BUILDING)));
  return {
    tree,
    operation,
    isPreviousComplete: previous !== null && observeRelease(paths, previous).isComplete,
    running: await runningServices(context),
    services: definitionsOf(manifest).map(({ name }) => name),
    page: await observePage(context),
    managed: previous === null ? UNMANAGED : await observeManaged(context, manifest),
    isDataOpen: isMarked(paths, operation.id),
    orphans: [...marks].flatMap(([pid, mark]) => (mark === operation.id ? [pid] : [])),
    leftovers: [
      ...entries.filter((name) => name.startsWith(".beginning-")).map((name) => path.join(paths.releases, name)),
      ...[...new Set([paths.deployTo, path.dirname(paths.current), paths.manifests])].flatMap(waitingIn),
      ...unfinished
        .flatMap(({ kept, taking, isMissing }) => [taking, ...(isMissing ? [] : [kept])])
        .filter((place) => standing(place)),
      ...[holdPath(paths), jobHoldPath(paths)].filter((place) => standing(place)),
      ...findUnfinishedBackups(paths),
      ...(operation.kind === "promote" ? promotionLeftovers(context, tree.current.releaseId) : []),
      ...unfinishedSets(observeDependencyUse(context), building),
    ],
    removing: observeRemoving(paths),
    building,
    promoted: promotedIn(context, tree.current.releaseId),
    kept: unfinished.flatMap(({ kept, place, isMissing }) => (isMissing ? [[kept, place] as [string, string]] : [])),
  };
}

function promotedIn({ manifest, paths }: Context, id: string | undefined): RecoveryFacts["promoted"] {
  if (id === undefined) return [];
  return Object.values(manifest.dependencies).flatMap((dependency) => {
    const place = path.join(releasePath(paths, id), dependency.path);
    const target = linkAt(keptPath(place));
    return target === undefined ? [] : [{ kept: keptPath(place), place, target }];
  });
}

// In a release, only names that are ours for sure: the application's own files are as it likes.
function promotionLeftovers({ manifest, paths }: Context, id: string | undefined): string[] {
  if (id === undefined) return [];
  const release = releasePath(paths, id);
  const folders = Object.values(manifest.dependencies).map((dependency) =>
    path.dirname(path.join(release, dependency.path)),
  );
  return [...new Set([release, ...folders])]
    .filter((folder) => fs.existsSync(folder))
    .flatMap((folder) =>
      fs
        .readdirSync(folder)
        .filter((name) => /^(\.switch-|\.relist-)\w{6}$|^RELEASE\.json\.new-\d+$/.test(name))
        .map((name) => path.join(folder, name)),
    );
}

const waitingIn = (directory: string) =>
  fs.existsSync(directory)
    ? fs
        .readdirSync(directory)
        .filter((name) => name.startsWith(WAITING) || /\.new(-\d+)?$/.test(name))
        .map((name) => path.join(directory, name))
    : [];
