import type { Manifest } from "../../manifest.schema.ts";
import type { Problem } from "./problems.ts";

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
