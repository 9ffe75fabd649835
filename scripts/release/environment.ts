import fs from "node:fs";
import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { releasePath } from "../core/paths.ts";
import { startArguments } from "../service/arguments.ts";
import {
  logPaths,
  type ServiceDefinition,
  type ServicePlace,
  type ServiceRelease,
  serviceOf,
} from "../service/definition.ts";
import { definitionsOf, placeOf } from "../service/definitions.ts";
import { envRequired, serviceEnvironment } from "../service/environment.ts";
import { scopeOf } from "../systemd/systemctl.ts";
import { realPath } from "../core/real-path.ts";

/**
 * What `env_required` of each service misses when it runs from a release; names only, never a value. Of a release that is
 * not built yet the linked files are known already: they lie in `shared/`.
 */
export function missingEnvironment(context: Context, manifest: Manifest, id: string, isBuilt: boolean): string[] {
  const release = { id, path: realPath(releasePath(context.paths, id)) };
  return definitionsOf(manifest).flatMap((definition) => {
    const required = manifest.services[serviceOf(definition.name)]?.env_required ?? [];
    const known = isBuilt ? definition : fromShared(context, manifest, definition);
    if (required.length === 0 || !known) return [];
    const environment = environmentOf(context, manifest, known, release);
    if (environment === undefined) return [];
    return envRequired(required, environment).map(
      ({ name, problem }) => `services.${definition.name}: ${name} is ${said(problem)}`,
    );
  });
}

/** A service's environment; undefined where a file of it is for root alone, as systemd's manager reads it. */
function environmentOf(context: Context, manifest: Manifest, definition: ServiceDefinition, release: ServiceRelease) {
  try {
    return serviceEnvironment(definition, placeOf(context), release);
  } catch (error) {
    if (isForRoot(manifest, error)) return undefined;
    throw error;
  }
}

const isForRoot = (manifest: Manifest, error: unknown) =>
  scopeOf(manifest) === "system" && ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === "EACCES";

/** Why a service of a built release could not even be started: a file of its environment, or a variable that `run` names. */
export function unstartable(context: Context, manifest: Manifest, id: string): string[] {
  const release = { id, path: realPath(releasePath(context.paths, id)) };
  return definitionsOf(manifest).flatMap((definition) => {
    try {
      startArguments(definition, placeOf(context), release);
      return manifest.supervisor === "pidfile" ? [] : logProblems(definition, placeOf(context));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return isForRoot(manifest, error) ? [] : [error.message];
    }
  });
}

/** A manager opens a log before the service runs, and makes no folder for it. */
function logProblems(definition: ServiceDefinition, place: ServicePlace): string[] {
  const folders = Object.values(logPaths(definition, place, place.currentPath)).map((file) => path.dirname(file));
  return [...new Set(folders)]
    .filter((folder) => !folder.startsWith(place.deployTo) && !fs.existsSync(folder))
    .map((folder) => `services.${definition.name}: there is no folder ${folder} for its log`);
}

/** The definition with its files read from `shared/`; undefined when one of them is only there once it is built. */
function fromShared(
  context: Context,
  manifest: Manifest,
  definition: ServiceDefinition,
): ServiceDefinition | undefined {
  const files = definition.env_file.map((entry) => {
    const [, mark = "", file = entry] = /^(-?)(.*)$/.exec(entry) ?? [];
    const linked = manifest.linked_files.find((one) => one.path === path.normalize(file));
    if (path.isAbsolute(file)) return entry;
    return linked && `${mark}${path.join(context.paths.shared, linked.shared)}`;
  });
  return files.includes(undefined) ? undefined : { ...definition, env_file: files as string[] };
}

const said = (problem: "missing" | "empty" | "placeholder") =>
  problem === "missing" ? "not set" : problem === "empty" ? "empty" : "still a placeholder";
