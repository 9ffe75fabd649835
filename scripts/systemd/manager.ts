import fs from "node:fs";
import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { keptOf } from "../api/kept.ts";
import { jobsOf } from "../schedule/jobs.ts";
import type { InstalledFile } from "../render/file.ts";
import { isMarked } from "../render/mark.ts";
import { refuseOthers } from "../render/other-trees.ts";
import { observeInstalled, observeMarked } from "../render/reading.ts";
import { logFilesOf } from "../logs/log-files.ts";
import { definitionsOf } from "../service/definitions.ts";
import { hasContainers, hasQuadlet } from "../podman/quadlet.ts";
import { type Subject, subjectOf } from "../render/subject.ts";
import { proxyUnitOf, socketUnitOf, unitsToEnable } from "./names.ts";
import { type Scope, scopeOf, showUnits } from "./systemctl.ts";
import { DROP_INS, fileOfUnit, QUADLET, UNIT, type UnitFacts } from "./unit-steps.ts";

/** Where podman's generator looks for what a user's manager is to run (podman-systemd.unit(5)). */
const quadletFolder = (home: string) => path.join(home, ".config/containers/systemd");

/** Where an administrator's units are (systemd.unit(5)); the user's own below the home directory. */
const unitFolder = (scope: Scope, home: string) =>
  scope === "system" ? "/etc/systemd/system" : path.join(home, ".config/systemd/user");

/** The units that a manifest wants, each with its place on this host. */
export async function wantedUnits(context: Context, manifest: Manifest, scope: Scope): Promise<InstalledFile[]> {
  const { renderSystemd } = await import("./render.ts");
  const subject = subjectOf(context, manifest);
  const folder = unitFolder(scope, subject.owner.home);
  const units = renderSystemd(subject).map((file) => ({
    ...file,
    path: path.join(folder, file.place.slice("systemd/".length)),
  }));
  return [...units, ...(await wantedContainers(subject, folder))];
}

/** Each is known by its unit, whichever file makes it. */
async function wantedContainers(subject: Subject, folder: string): Promise<InstalledFile[]> {
  if (!hasContainers(subject.manifest)) return [];
  const { renderContainers } = await import("../podman/render.ts");
  const isQuadlet = hasQuadlet();
  const home = isQuadlet ? quadletFolder(subject.owner.home) : folder;
  return renderContainers(subject, isQuadlet ? "container" : "service").map(({ place, content }) => ({
    place: `systemd/${path.parse(place).name}.service`,
    content,
    path: path.join(home, path.basename(place)),
  }));
}

/** Unit files and drop-ins in a folder. */
function unitFilesIn(folder: string): string[] {
  return namesIn(folder).flatMap((name) => {
    const place = path.join(folder, name);
    if (UNIT.test(name)) return [place];
    return DROP_INS.test(name) ? fs.readdirSync(place).map((inner) => path.join(place, inner)) : [];
  });
}

const quadletsIn = (folder: string) =>
  namesIn(folder).flatMap((name) => (QUADLET.test(name) ? [path.join(folder, name)] : []));

/** @throws UsageError where a job is one of the suite's own commands, and the tree has no suite yet */
function refuseWithoutSuite({ manifest, paths, opsPath }: Context): void {
  const own = [...jobsOf(manifest, paths), keptOf(manifest, paths)];
  const missing = own.find((one) => one?.command?.[0] && !fs.existsSync(one.command[0]));
  if (missing)
    throw new UsageError(`the job ${missing.name} runs ${missing.command?.[0]}, and the tree has no suite yet`, {
      next: `${opsPath}/release/prepare_shared.ts`,
    });
}

/** Looks at the installed units of a tree; nothing is asked of a running systemd. */
export async function observeUnits(context: Context, manifest: Manifest, scope: Scope): Promise<UnitFacts> {
  // A manager that a manifest leaves has nothing to know of it: what is the tree's own there goes.
  const isWanted = scope === scopeOf(manifest);
  if (isWanted) refuseWithoutSuite(context);
  const wanted = isWanted ? await wantedUnits(context, manifest, scope) : [];
  const { home } = subjectOf(context, manifest).owner;
  const folder = unitFolder(scope, home);
  const files = [...unitFilesIn(folder), ...(scope === "user" ? quadletsIn(quadletFolder(home)) : [])];
  const marked = observeMarked(files, (content) => isMarked(content, context.paths.deployTo));
  const installed = observeInstalled(marked, wanted);
  refuseOthers(context, { installed, wanted }, "unit");
  const quadlets = wanted.filter(({ path: file }) => QUADLET.test(file));
  const generated = new Set(quadlets.map(({ place }) => path.basename(place)));
  const toEnable = isWanted ? unitsToEnable(manifest).filter((unit) => !generated.has(unit)) : [];
  const states = showUnits(scope, toEnable, ["UnitFileState"]);
  const logs = isWanted && scope === "system" ? logsOf(context, manifest) : [];
  return {
    scope,
    missingLogs: logs.filter((file) => !fs.existsSync(file)),
    owner: subjectOf(context, manifest).owner.name,
    installed,
    wanted,
    toEnable,
    disabled: toEnable.filter((_, index) => states[index]?.["UnitFileState"] !== "enabled"),
    enabled: enabledIn(folder, marked),
  };
}

/** Units whose files are among those given, and which a target wants (systemd.unit(5), [Install]). */
function enabledIn(folder: string, files: ReadonlyMap<string, string>): string[] {
  const wants = namesIn(folder).filter((name) => name.endsWith(".wants"));
  const names = new Set(wants.flatMap((name) => namesIn(path.join(folder, name))));
  return [...names].filter((name) => UNIT.test(name) && files.has(path.join(folder, fileOfUnit(name))));
}

const namesIn = (folder: string) => (fs.existsSync(folder) ? fs.readdirSync(folder) : []);

/** Names of the services whose socket is open already, and stays as it is. */
export function openSockets(manifest: Manifest, { scope, wanted, installed }: UnitFacts): string[] {
  const held = definitionsOf(manifest).filter(({ isHeld }) => isHeld);
  const states = showUnits(
    scope,
    held.map(({ name }) => socketUnitOf(manifest, name)),
    ["ActiveState"],
  );
  const isSame = (unit: string) =>
    wanted.every(
      ({ place, path: file, content }) => place !== `systemd/${fileOfUnit(unit)}` || installed.get(file) === content,
    );
  return held
    .map(({ name }) => name)
    .filter((_, index) => states[index]?.["ActiveState"] === "active")
    .filter((name) => isSame(socketUnitOf(manifest, name)) && isSame(proxyUnitOf(manifest, name)));
}

/** Logs of services and jobs in the tree; what lies in a release comes with it. */
const logsOf = ({ paths }: Context, manifest: Manifest): string[] =>
  logFilesOf({ manifest, paths })
    .map((log) => log.path)
    .filter((file) => path.dirname(file) === paths.logs);
