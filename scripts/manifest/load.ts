import { resolve } from "node:path";
import type { LoadedManifest, LoadOptions } from "./loaded.ts";
import { checkLayer, problemAt } from "./check.ts";
import { openManifest } from "./document.ts";
import { checkEnvironment, layerOf } from "./layers.ts";
import { ManifestError, showFile } from "./problems.ts";
import { hasHosts, hostsOf } from "./hosts.ts";
import { applyEnvironmentVariables, withAbsolutePaths, withHostPaths } from "./resolve.ts";

export type { LoadedManifest, LoadOptions } from "./loaded.ts";
export { ManifestError } from "./problems.ts";

/** Reads and checks a manifest; throws a ManifestError (exit 2) that names everything wrong with it, with its place. */
export function loadManifest({
  filePath: given,
  environment: flag,
  env,
  cwd = process.cwd(),
}: LoadOptions): LoadedManifest {
  const filePath = resolve(cwd, given);
  const document = openManifest(filePath, showFile(filePath, cwd));
  const { file, text, basePath } = document;
  const environment = flag ?? document.environment;
  checkEnvironment(document.root, environment, file);
  const layer = layerOf(document.root, environment);
  if (document.deployTo && environment === document.environment) layer.root["deploy_to"] = document.deployTo;
  // On the host itself, with the copy that was sent to it, the environment is here.
  const isHere = document.host !== undefined && environment === document.environment;
  // A tree that a variable names here is none on another machine.
  const isElsewhere = !isHere && environment !== undefined && hasHosts(layer.root, environment);
  applyEnvironmentVariables(layer.root, isElsewhere ? { ...env, DEPLOY_ROOT: undefined } : env, cwd);
  const { manifest, problems } = checkLayer(document, layer);
  if (!manifest) throw new ManifestError(file, text, problems);
  const own = environment === undefined ? undefined : manifest.environments[environment];
  const hosts = own && !isHere ? hostsOf(own) : [];
  return {
    manifest: hosts.length > 0 ? withHostPaths(manifest, basePath, env) : withAbsolutePaths(manifest, basePath, env),
    filePath,
    file,
    basePath,
    ...(environment === undefined ? {} : { environment }),
    ...(document.host === undefined ? {} : { host: document.host }),
    hosts,
    text,
    problemAt: (path, at, message) => problemAt(document, layer, { path, at, message }),
  };
}
