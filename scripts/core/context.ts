import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import { loadChecked } from "../manifest/checked.ts";
import { findManifest } from "../manifest/find.ts";
import type { LoadedManifest } from "../manifest/load.ts";
import { ElsewhereError } from "./errors.ts";
import { chosenServices, type Overrides, readOverrides } from "./overrides.ts";
import { isRoot } from "./as-root.ts";
import { becomeOwner } from "./owner.ts";
import { type Paths, treePaths } from "./paths.ts";

/** What every command needs to know before it looks at the host. */
export interface Context {
  loaded: LoadedManifest;
  manifest: Manifest;
  paths: Paths;
  overrides: Overrides;
  /** The `ops` folder of the suite that runs. */
  opsPath: string;
  /** `--manifest FILE [--env NAME]`, for printed commands. */
  flags: string[];
}

export interface ManifestOptions {
  manifest?: string | undefined;
  env?: string | undefined;
  /** The launcher as it was typed, unresolved. */
  launcherPath?: string | undefined;
}

/** The suite's own folder. */
export const suitePath = path.resolve(import.meta.dirname, "../..");

export interface ContextChoice {
  /** Whether root stays root: a command that writes only where root may. */
  keepsRoot?: (manifest: Manifest) => boolean;
  /** The command deals with an environment's hosts itself; default: it is given on each of them. */
  isForHosts?: boolean;
}

/** Finds and loads the manifest, and becomes the owner of its tree. */
export async function createContext(options: ManifestOptions, choice?: ContextChoice): Promise<Context> {
  const env = process.env;
  const launcherPath = options.launcherPath ?? process.argv[1];
  const filePath = await findManifest({
    ...(options.manifest ? { flag: options.manifest } : {}),
    ...(launcherPath ? { launcherPath } : {}),
    ...(options.env ? { environment: options.env } : {}),
    env,
    cwd: process.cwd(),
  });
  const loaded = await loadChecked({ filePath, env, environment: options.env });
  if (loaded.hosts.length > 0 && !choice?.isForHosts) throw new ElsewhereError(loaded);
  return contextOf(loaded, choice);
}

/** What a printed command needs: where the suite is, and `--manifest FILE [--env NAME]`. */
export const placeOf = ({ filePath, environment }: LoadedManifest): Pick<Context, "opsPath" | "flags"> => ({
  opsPath: path.join(suitePath, "ops"),
  flags: ["--manifest", filePath, ...(environment ? ["--env", environment] : [])],
});

/** The context of a manifest that is loaded already. */
export function contextOf(loaded: LoadedManifest, choice: ContextChoice = {}): Context {
  const { manifest } = loaded;
  const overrides = readOverrides(process.env);
  if (loaded.hosts.length === 0 && (!isRoot() || !choice.keepsRoot?.(manifest))) becomeOwner(manifest.deploy_to);
  return {
    loaded,
    manifest,
    paths: treePaths(manifest.deploy_to, process.env),
    overrides: {
      ...overrides,
      services: overrides.services && chosenServices(manifest.app, manifest.services, overrides.services),
    },
    ...placeOf(loaded),
  };
}
