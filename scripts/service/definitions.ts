import fs from "node:fs";
import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { recordedManifestPath } from "../core/paths.ts";
import { loadChecked } from "../manifest/checked.ts";
import type { ServiceDefinition, ServicePlace } from "./definition.ts";
import { pidfileSupervisor } from "./pidfile-supervisor.ts";
import type { Supervisor } from "./supervisor.ts";

/** The manifest's services in the order in which they start: each behind those that its `after` names. */
export function definitionsOf(manifest: Manifest): ServiceDefinition[] {
  const ordered = new Map<string, ServiceDefinition>();
  const add = (name: string, waiting: string[]) => {
    const service = manifest.services[name];
    if (!service || ordered.has(name) || waiting.includes(name)) return;
    for (const before of service.after) add(before, [...waiting, name]);
    const { run, dir, env, env_file, port, stop_timeout, stdout, stderr } = service;
    ordered.set(name, { name, run, dir, env, env_file, port, stop_timeout, stdout, stderr });
  };
  for (const name of Object.keys(manifest.services)) add(name, []);
  return [...ordered.values()];
}

/** The manifest with which a release last ran healthy; where none was kept, the one in use. */
export async function recordedManifest(context: Context, releaseId: string): Promise<Manifest> {
  const filePath = recordedManifestPath(context.paths, releaseId);
  if (!fs.existsSync(filePath)) return context.manifest;
  return (await loadChecked({ filePath, env: process.env })).manifest;
}

/** The definitions that a person named; none named: all. @throws UsageError for a name that the manifest does not have. */
export function chosenDefinitions(definitions: ServiceDefinition[], names: string[]): ServiceDefinition[] {
  const known = definitions.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new UsageError(
      `there is no service ${unknown.join(", ")} in the manifest; it has: ${known.join(", ") || "none"}`,
    );
  return names.length > 0 ? definitions.filter(({ name }) => names.includes(name)) : definitions;
}

/** Where this tree's services keep their pid files and logs. */
export const placeOf = ({ manifest, paths }: Context): ServicePlace => ({
  app: manifest.app,
  deployTo: paths.deployTo,
  currentPath: paths.current,
  runPath: paths.run,
  logsPath: paths.logs,
  releasesPath: paths.releases,
});

/** What starts and stops this tree's services. */
export const supervisorOf = (context: Context): Supervisor => pidfileSupervisor(placeOf(context));

/** Services by what became of them. */
export interface ServiceNames {
  /** They run now: the manifest's, and those of which only a pid file is left. */
  running: string[];
  /** They ended by themselves, and left their pid files. */
  stale: string[];
}

/** Looks at every service that the manifest, or a pid file, names. */
export async function observeNames(context: Context): Promise<ServiceNames> {
  const supervisor = supervisorOf(context);
  const names = new Set([...definitionsOf(context.manifest).map(({ name }) => name), ...pidfileNames(context)]);
  const states = await Promise.all([...names].map((name) => supervisor.observe(name)));
  const named = (wanted: string) => states.filter(({ state }) => state === wanted).map(({ name }) => name);
  return { running: named("running"), stale: named("stale") };
}

/** Names of the services that run now. */
export const runningServices = async (context: Context) => (await observeNames(context)).running;

function pidfileNames({ paths }: Context): string[] {
  if (!fs.existsSync(paths.run)) return [];
  return fs.readdirSync(paths.run).flatMap((file) => (file.endsWith(".pid") ? [file.slice(0, -".pid".length)] : []));
}
