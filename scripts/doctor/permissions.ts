import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import type { TreeFacts } from "../core/observe.ts";
import { ownerOf } from "../core/owner.ts";
import { quote } from "../core/step.ts";
import { type ServiceDefinition, serviceOf } from "../service/definition.ts";
import { allDefinitionsOf, logsBelowCurrent } from "../service/definitions.ts";
import { obstacles, type Reader, readerOf } from "./access.ts";
import { distinct, type Finding, orOk, wrong } from "./finding.ts";
import { sudoLine } from "./sudoers.ts";

const CHECK = "permissions";

/** Whether the owner may change the tree, and each service's account read its release and write its data. */
export function checkPermissions(context: Context, tree: TreeFacts): Finding[] {
  if (!tree.isTree) return [];
  const owner = readerOf(String(ownerOf(context.paths.deployTo)));
  const found = [...ownPlaces(context, owner), ...accounts(context, tree, owner)];
  return orOk(CHECK, found, `${owner?.name ?? "the owner"} owns the tree`);
}

function ownPlaces({ paths, manifest }: Context, owner: Reader | undefined): Finding[] {
  const shared = manifest.linked_dirs.map((entry) => path.join(paths.shared, entry.shared));
  const places = [paths.deployTo, paths.releases, paths.shared, paths.logs, paths.run, ...shared];
  return places.flatMap((place) => {
    const stat = fs.statSync(place, { throwIfNoEntry: false });
    if (!stat || !owner) return [];
    // What a service writes may be the service's own; the rest is the owner's.
    if (stat.uid !== owner.uid && !shared.includes(place))
      return [wrong(CHECK, `${place} does not belong to ${owner.name}`, sudoLine("chown", owner.name, place))];
    return stat.uid === owner.uid && (stat.mode & 0o700) !== 0o700
      ? [wrong(CHECK, `${owner.name} may not change ${place}`, `chmod u+rwx ${quote(place)}`)]
      : [];
  });
}

/** What the accounts of the services need: one finding for each place, whoever needs it first. */
function accounts(context: Context, tree: TreeFacts, owner: Reader | undefined): Finding[] {
  const found = allDefinitionsOf(context.manifest).flatMap((definition) => {
    const service = context.manifest.services[serviceOf(definition.name)];
    const reader = service?.user === undefined ? owner : readerOf(service.user, service.group);
    if (!service || (service.user === undefined && !reader)) return [];
    if (!reader)
      return [
        wrong(
          CHECK,
          `services.${serviceOf(definition.name)}.user: there is no account ${service.user}`,
          sudoLine("useradd", "--system", "--no-create-home", service.user as string),
        ),
      ];
    return needs(context, tree, definition, service.write_paths, reader);
  });
  return distinct(found, ({ message }) => message);
}

function needs(
  { manifest, paths }: Context,
  { current }: TreeFacts,
  { name, dir }: ServiceDefinition,
  writePaths: string[],
  reader: Reader,
): Finding[] {
  const isDeployed = current.releaseId !== undefined;
  const inShared = (entry: { shared: string }) => path.join(paths.shared, entry.shared);
  const written = [
    ...manifest.linked_dirs.map(inShared),
    ...writePaths
      .filter((place) => isDeployed || path.isAbsolute(place))
      .map((place) => path.resolve(paths.current, place)),
  ];
  const { sqlite } = manifest.database ?? {};
  const all: [string, string, string][] = [
    ...(isDeployed ? [[path.join(paths.current, dir), "rx", "enter"] as [string, string, string]] : []),
    ...written.map((place): [string, string, string] => [place, isFile(place) ? "rw" : "rwx", "write"]),
    ...(sqlite === undefined ? [] : [[path.join(paths.shared, sqlite), "rw", "write"] as [string, string, string]]),
  ];
  const absent = writePaths.filter((place) => path.isAbsolute(place) && !fs.existsSync(place));
  return [
    ...absent.map((place) =>
      wrong(
        CHECK,
        `services.${name}.write_paths: ${place} is not there`,
        sudoLine("install", "-d", "-o", reader.name, place),
      ),
    ),
    ...all.flatMap(([place, wanted, what]) => denied(reader, place, wanted, `${name} cannot ${what} ${place}`)),
  ];
}

const isFile = (place: string) => fs.statSync(place, { throwIfNoEntry: false })?.isFile() === true;

/** One finding for each obstacle on the way to a place. */
export const denied = (reader: Reader, place: string, wanted: string, message: string, check = CHECK): Finding[] =>
  obstacles(reader, place, wanted).map(({ place: where, lacks, next }) =>
    wrong(check, `${message}: ${reader.name} has no ${lacks} on ${where}`, asOwnerOf(where, next)),
  );

/** What is somebody else's is changed by root. */
function asOwnerOf(place: string, line: string): string {
  const me = process.geteuid?.();
  return me === 0 || fs.statSync(place).uid === me ? line : `sudo ${line}`;
}

/** Folders of the logs: a manager does not make them, and a service whose log cannot be opened does not start. */
export function checkLogs(context: Context, { isTree, current }: TreeFacts): Finding[] {
  const { supervisor } = context.manifest;
  if (!isTree) return [];
  const owner = readerOf(String(ownerOf(context.paths.deployTo)));
  const places = allDefinitionsOf(context.manifest).flatMap((definition) => {
    const { stdout, stderr } = logsBelowCurrent(context, definition);
    return [...new Set([stdout, stderr])].map((file) => ({ file, name: definition.name }));
  });
  const due = places.filter(({ file }) => current.releaseId !== undefined || !isBelow(file, context.paths.current));
  // Root opens the logs of the system's units before it becomes the service's user.
  const writer = supervisor === "systemd" ? undefined : owner;
  const found = due.flatMap(({ file, name }) => {
    const folder = path.dirname(file);
    if (!fs.existsSync(folder)) {
      // The pid-file supervisor makes them, where it may.
      const above = existingAbove(folder);
      if (supervisor === "pidfile" && owner && obstacles(owner, above, "wx").length === 0) return [];
      const make = sudoLine("install", "-d", ...(owner ? ["-o", owner.name] : []), folder);
      return [wrong("logs", `services.${name} writes to ${file}, and ${folder} is not there`, make)];
    }
    if (!writer) return [];
    const [place, wanted] = fs.existsSync(file) ? [file, "w"] : [folder, "wx"];
    return denied(writer, place, wanted, `services.${name} cannot write to ${file}`, "logs");
  });
  return distinct(found, ({ next }) => next.join("\n"));
}

const isBelow = (file: string, folder: string) => file.startsWith(`${folder}/`);

const existingAbove = (place: string): string => (fs.existsSync(place) ? place : existingAbove(path.dirname(place)));
