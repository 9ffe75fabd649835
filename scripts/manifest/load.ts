import { resolve } from "node:path";
import type { LoadedManifest, LoadOptions } from "./loaded.ts";
import { checkLayer, problemAt } from "./check.ts";
import { openManifest } from "./document.ts";
import { checkEnvironment, layerOf } from "./layers.ts";
import { ManifestError, showFile } from "./problems.ts";
import { applyEnvironmentVariables, withAbsolutePaths } from "./resolve.ts";

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
  applyEnvironmentVariables(layer.root, env, cwd);
  const { manifest, problems } = checkLayer(document, layer);
  if (!manifest) throw new ManifestError(file, text, problems);
  return {
    manifest: withAbsolutePaths(manifest, basePath, env),
    filePath,
    file,
    basePath,
    ...(environment === undefined ? {} : { environment }),
    text,
    problemAt: (path, at, message) => problemAt(document, layer, { path, at, message }),
  };
}
