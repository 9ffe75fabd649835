import fs from "node:fs";
import type { Manifest, Service } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { recordedManifestPath } from "../core/paths.ts";
import { loadChecked } from "../manifest/checked.ts";
import {
  instanceOf,
  instancesOf,
  logPaths,
  type ServiceDefinition,
  type ServicePlace,
  serviceOf,
} from "./definition.ts";

/** The services that stay up, in the order in which they start: each behind those that its `after` names; instances apart. */
export function definitionsOf(manifest: Manifest): ServiceDefinition[] {
  const ordered = new Map<string, ServiceDefinition[]>();
  const add = (name: string, waiting: string[]) => {
    const service = manifest.services[name];
    if (!service || service.schedule || ordered.has(name) || waiting.includes(name)) return;
    for (const before of service.after) add(serviceOf(before), [...waiting, name]);
    ordered.set(
      name,
      instancesOf(name, service).map((one) => definitionOf(service, one)),
    );
  };
  for (const name of Object.keys(manifest.services)) add(name, []);
  return [...ordered.values()].flat();
}

/** The services that stay up, and behind them those that run at times. */
export const allDefinitionsOf = (manifest: Manifest): ServiceDefinition[] => [
  ...definitionsOf(manifest),
  ...Object.entries(manifest.services).flatMap(([name, service]) =>
    service.schedule ? [definitionOf(service, name)] : [],
  ),
];

/** A service, or one instance of it: `%i` is the instance wherever a text may hold it. */
export function definitionOf(service: Service, name: string): ServiceDefinition {
  const instance = instanceOf(name);
  const filled = (text: string) => (instance === undefined ? text : text.replaceAll("%i", () => instance));
  const optional = (text: string | undefined) => (text === undefined ? undefined : filled(text));
  const { run, dir, env, env_file, port, stop_timeout, stdout, stderr, socket } = service;
  return {
    name,
    run,
    dir: filled(dir),
    env: Object.fromEntries(Object.entries(env).map(([key, value]) => [key, filled(value)])),
    env_file: env_file.map(filled),
    port: (instance === undefined ? undefined : service.instances?.[instance]?.port) ?? port,
    stop_timeout,
    stdout: optional(stdout),
    stderr: optional(stderr),
    isHeld: socket !== undefined,
    ...(service.container ? { isContained: true } : {}),
  };
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
  const isNamed = (name: string) => names.includes(name) || names.includes(serviceOf(name));
  const unknown = names.filter((name) => !known.includes(name) && !known.some((one) => serviceOf(one) === name));
  if (unknown.length > 0)
    throw new UsageError(
      `there is no service ${unknown.join(", ")} in the manifest; it has: ${known.join(", ") || "none"}`,
    );
  return names.length > 0 ? definitions.filter(({ name }) => isNamed(name)) : definitions;
}

/** Where this tree's services keep their pid files and logs. */
export const placeOf = ({ manifest, paths }: Pick<Context, "manifest" | "paths">): ServicePlace => ({
  app: manifest.app,
  deployTo: paths.deployTo,
  currentPath: paths.current,
  runPath: paths.run,
  logsPath: paths.logs,
  releasesPath: paths.releases,
});

/** Where a service's two output streams go, absolute, as its manager knows them: relative ones are below `current`. */
export const logsBelowCurrent = (tree: Pick<Context, "manifest" | "paths">, definition: ServiceDefinition) =>
  logPaths(definition, placeOf(tree), tree.paths.current);
