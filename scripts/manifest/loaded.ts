import type { Manifest } from "../../manifest.schema.ts";
import type { Problem } from "./problems.ts";

/** A host of an environment, as ssh is told of it. */
export interface Host {
  /** As the manifest has it. */
  name: string;
  /** `user@name`, or the name alone: then ssh's own configuration knows the account. */
  destination: string;
  /** Absent: ssh's own configuration knows it. */
  port?: number;
}

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
  /** The host that this copy of a manifest was sent to: it is here. */
  host?: string;
  /** Where the environment lives; empty: here. `deploy_to` then is as it is written, for that host to expand. */
  hosts: Host[];
  /** The file's text, without a byte order mark. */
  text: string;
  /** Something wrong with a key of `manifest`, or with its value, at its place in the file. */
  problemAt(path: PropertyKey[], at: "key" | "value", message: string): Problem;
}

/** The manifest that a person edits: on a host it is the one of whoever deploys to it, whose copy is here. */
export const fileToEdit = ({ host, filePath }: Pick<LoadedManifest, "host" | "filePath">): string =>
  host === undefined ? filePath : "deploy.yaml";
