import fs from "node:fs";
import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { jobsOf } from "../schedule/jobs.ts";
import type { InstalledFile } from "../render/file.ts";
import { isMarked } from "../render/mark.ts";
import { logPaths } from "../service/definition.ts";
import { definitionOf, definitionsOf, placeOf } from "../service/definitions.ts";
import { subjectOf } from "../render/subject.ts";
import { unitsToEnable } from "./names.ts";
import { type Scope, showUnits } from "./systemctl.ts";
import { DROP_INS, UNIT, type UnitFacts } from "./unit-steps.ts";

/** Where an administrator's units are (systemd.unit(5)); the user's own below the home directory. */
export const unitFolder = (scope: Scope, home: string) =>
  scope === "system" ? "/etc/systemd/system" : path.join(home, ".config/systemd/user");

/** The units that a manifest wants, each with its place on this host. */
export async function wantedUnits(context: Context, manifest: Manifest, scope: Scope): Promise<InstalledFile[]> {
  const { renderSystemd } = await import("./render.ts");
  const subject = subjectOf(context, manifest);
  const folder = unitFolder(scope, subject.owner.home);
  return renderSystemd(subject).map((file) => ({
    ...file,
    path: path.join(folder, file.place.slice("systemd/".length)),
  }));
}

/** Unit files and drop-ins in a folder that bear a tree's mark: path → text. */
export function markedUnits(folder: string, deployTo: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of unitFilesIn(folder)) {
    const content = readOwn(file);
    if (content !== undefined && isMarked(content, deployTo)) found.set(file, content);
  }
  return found;
}

function unitFilesIn(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder).flatMap((name) => {
    const place = path.join(folder, name);
    if (UNIT.test(name)) return [place];
    return DROP_INS.test(name) ? fs.readdirSync(place).map((inner) => path.join(place, inner)) : [];
  });
}

/** A file's text; undefined for what is not a file of ours to read, such as a unit that is masked. */
export function readOwn(file: string): string | undefined {
  try {
    return fs.lstatSync(file).isFile() ? fs.readFileSync(file, "utf8") : undefined;
  } catch {
    return undefined;
  }
}

/** @throws UsageError where a job is one of the suite's own commands, and the tree has no suite yet */
function refuseWithoutSuite({ manifest, paths, opsPath }: Context): void {
  const missing = jobsOf(manifest, paths).find(({ command }) => command?.[0] && !fs.existsSync(command[0]));
  if (missing)
    throw new UsageError(`the job ${missing.name} runs ${missing.command?.[0]}, and the tree has no suite yet`, {
      next: `${opsPath}/release/prepare_shared.ts`,
    });
}

/** Looks at the installed units of a tree; nothing is asked of a running systemd. */
export async function observeUnits(context: Context, manifest: Manifest, scope: Scope): Promise<UnitFacts> {
  refuseWithoutSuite(context);
  const wanted = await wantedUnits(context, manifest, scope);
  const folder = unitFolder(scope, subjectOf(context, manifest).owner.home);
  const installed = markedUnits(folder, context.paths.deployTo);
  for (const { path: file } of wanted) {
    const content = readOwn(file);
    if (content !== undefined) installed.set(file, content);
  }
  const toEnable = unitsToEnable(manifest);
  const states = showUnits(scope, toEnable, ["UnitFileState"]);
  const logs = scope === "system" ? logsOf(context, manifest) : [];
  return {
    scope,
    missingLogs: logs.filter((file) => !fs.existsSync(file)),
    owner: subjectOf(context, manifest).owner.name,
    installed,
    wanted,
    toEnable,
    disabled: toEnable.filter((_, index) => states[index]?.["UnitFileState"] !== "enabled"),
  };
}

/** Where services and jobs write, in the tree; what lies in a release comes with it. */
function logsOf(context: Context, manifest: Manifest): string[] {
  const place = placeOf(context);
  const { logs, current } = context.paths;
  const definitions = [...definitionsOf(manifest), ...jobDefinitions(manifest)];
  const all = definitions.flatMap((definition) => Object.values(logPaths(definition, place, current)));
  const own = jobsOf(manifest, context.paths).flatMap(({ name, command }) =>
    command ? [path.join(logs, `${name}.log`)] : [],
  );
  return [...new Set([...all, ...own])].filter((file) => path.dirname(file) === logs);
}

const jobDefinitions = ({ services }: Manifest) =>
  Object.entries(services).flatMap(([name, service]) => (service.schedule ? [definitionOf(service, name)] : []));
