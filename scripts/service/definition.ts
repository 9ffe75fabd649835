import path from "node:path";
import type { Service } from "../../manifest.schema.ts";

/** What a supervisor needs to know of a service; every value is already merged and checked. */
export interface ServiceDefinition {
  /** Name in the manifest, with its instance if it has one: `web`, `web@main`. */
  readonly name: string;
  /** The manager holds its listening socket while it restarts. */
  readonly isHeld?: boolean | undefined;
  /** Its program runs in a container; with an empty `run`, its image's own. */
  readonly isContained?: boolean | undefined;
  /** Argument list by POSIX word rules; see words.ts. */
  readonly run: string;
  /** Working directory, relative to the release. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Files by the rules of systemd's EnvironmentFile=, relative to the release; a leading `-` lets one be absent. */
  readonly env_file: readonly string[];
  readonly port?: number | undefined;
  /** Milliseconds between TERM and KILL. */
  readonly stop_timeout: number;
  /** Absolute, or relative to the release; default `logs/<service>.log` in the tree. */
  readonly stdout?: string | undefined;
  readonly stderr?: string | undefined;
}

/** The tree that a service belongs to; paths are absolute. */
export interface ServicePlace {
  readonly app: string;
  readonly deployTo: string;
  readonly currentPath: string;
  readonly runPath: string;
  readonly logsPath: string;
  /** Default `releases` in `deployTo`. */
  readonly releasesPath?: string | undefined;
}

/** The release that a service is started from. */
export interface ServiceRelease {
  readonly id: string;
  /** Its real path, no link. */
  readonly path: string;
}

/** `main` of `web@main`. */
export const instanceOf = (name: string): string | undefined => name.split("@")[1];

/** `web` of `web@main`: its key in the manifest. */
export const serviceOf = (name: string): string => name.split("@")[0] as string;

/** The names of a service's instances, `web@main` and `web@admin`; its own where it has none. */
export const instancesOf = (name: string, { instances }: Pick<Service, "instances">): string[] =>
  instances === undefined ? [name] : Object.keys(instances).map((instance) => `${name}@${instance}`);

/** Where a service's two output streams go, absolute; relative ones are below `basePath` (a release, or `current`). */
export function logPaths(
  definition: ServiceDefinition,
  place: ServicePlace,
  basePath: string,
): { stdout: string; stderr: string } {
  const fallback = path.join(place.logsPath, `${definition.name}.log`);
  const at = (file: string | undefined) => (file === undefined ? fallback : path.resolve(basePath, file));
  return { stdout: at(definition.stdout), stderr: at(definition.stderr) };
}
