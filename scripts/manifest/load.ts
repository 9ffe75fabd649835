import { resolve } from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import { checkLayer, problemAt } from "./check.ts";
import { openManifest } from "./document.ts";
import { checkEnvironment, layerOf } from "./layers.ts";
import { ManifestError, type Problem, showFile } from "./problems.ts";
import { applyEnvironmentVariables, withAbsolutePaths } from "./resolve.ts";

export { ManifestError } from "./problems.ts";

export interface LoadOptions {
  filePath: string;
  /** What `--env` names; beats the environment in a tree copy's trailer. */
  environment?: string | undefined;
  env: NodeJS.ProcessEnv;
  /** Errors name the file relative to it; default: the process's own. */
  cwd?: string;
}

export interface LoadedManifest {
  /** Checked and normalised; `deploy_to` and a local `source.repo` are absolute. */
  manifest: Manifest;
  /** Absolute path of the file. */
  filePath: string;
  /** The file as a person would type it. */
  file: string;
  /** Absolute folder that relative paths in the manifest are relative to. */
  basePath: string;
  environment?: string;
  /** The file's text, without a byte order mark. */
  text: string;
  /** Something wrong with a key of `manifest`, or with its value, at its place in the file. */
  problemAt(path: PropertyKey[], at: "key" | "value", message: string): Problem;
}

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
