import fs from "node:fs";
import path from "node:path";
import { aim } from "../core/aim.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import type { Operation } from "../core/operation.ts";
import type { Plan } from "../core/step.ts";
import { fileToEdit } from "../manifest/loaded.ts";
import { type MaintenanceFacts, maintenanceSteps, observeMaintenance, observePageless } from "../site/maintenance.ts";

export interface MaintenanceArgs {
  isOn: boolean;
}

export interface MaintenanceCommandFacts extends MaintenanceFacts {
  /** Folders that the proxy's user may not enter, so that it would not see the flag. */
  closed: string[];
  /** Sites whose installed file does not know the page. */
  pageless: string[];
}

/** `ops/host/maintenance.ts on|off`: lets the tree's sites answer with their page, and no longer. */
export const maintenance: Operation<MaintenanceCommandFacts, MaintenanceArgs> = {
  kind: "maintenance",
  observe: (context) => ({
    ...observeMaintenance(context),
    closed: closedFolders(context.paths.deployTo),
    pageless: observePageless(context),
  }),
  plan: (context, facts, { isOn }) => [planMaintenance(context, facts, isOn)],
};

/** Reads `on` or `off`. @throws UsageError for anything else */
export function wantedOf(word: string | undefined): MaintenanceArgs {
  if (word === "on" || word === "off") return { isOn: word === "on" };
  throw new UsageError(`on or off, not ${JSON.stringify(word ?? "")}`, { next: "ops/host/maintenance.ts on" });
}

function planMaintenance(context: Context, facts: MaintenanceCommandFacts, isOn: boolean): Plan {
  const { by, closed, pageless } = facts;
  const names = sitesWithPage(context);
  const is = `${names.length > 1 ? "answer" : "answers"} ${isOn ? "with the maintenance page" : "as ever"}`;
  return {
    title: `Turn the maintenance page ${isOn ? "on" : "off"}`,
    notes: isOn ? [...closed.map(closedNote), ...pageless.map((key) => pagelessNote(context, key))] : [],
    steps: maintenanceSteps(context, facts, isOn),
    discard: maintenanceSteps(context, facts, by !== undefined, by),
    revert: [],
    done: `${names.join(", ")} ${is}.`,
  };
}

const closedNote = (folder: string) =>
  `nginx and Caddy see the page's flag only where they may enter ${folder}: chmod o+x ${folder}`;

function pagelessNote(context: Context, key: string): string {
  const kind = context.manifest.sites[key]?.kind ?? "nginx";
  return `site ${key} is not installed with its page: ${aim(`ops/${kind}/install_${kind}.ts`, context)}`;
}

function sitesWithPage({ manifest, opsPath, loaded }: Context): string[] {
  const sites = Object.entries(manifest.sites);
  const names = sites.flatMap(([name, site]) => (site.maintenance ? [name] : []));
  if (names.length > 0) return names;
  const has =
    sites.length > 0
      ? `none of the sites ${sites.map(([name]) => name).join(", ")} has`
      : "no site of the manifest has";
  throw new UsageError(`${has} a maintenance page`, {
    next: [
      `add  maintenance: { page: maintenance.html }  to a site in ${fileToEdit(loaded)}`,
      `${opsPath}/host/doctor.ts`,
    ],
  });
}

/** Folders on the way to the flag that others may not enter. */
function closedFolders(folder: string): string[] {
  const above = path.dirname(folder) === folder ? [] : closedFolders(path.dirname(folder));
  const mode = fs.statSync(folder, { throwIfNoEntry: false })?.mode ?? 0o777;
  return (mode & 0o001) === 0 ? [...above, folder] : above;
}
