import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import type { Paths } from "../core/paths.ts";
import { isLoopback } from "./guard.ts";

/** The release API as a service manager keeps it up: a command of the suite in the tree. No switch of releases restarts it. */
export interface Kept {
  /** Its name in units, labels and logs. */
  name: "registry";
  /** Where it stands in the manifest. */
  path: ["registry", "serve"];
  /** With its arguments, absolute. What is asked of it stands in them, so that what keeps it up differs when that does. */
  command: string[];
  /** Whoever it talks with is on this host. */
  isLocal: boolean;
}

/** What `registry.serve` asks for; undefined where it does not. */
export function keptOf(
  { registry: { serve } }: Pick<Manifest, "registry">,
  { ops, manifest, shared }: Pick<Paths, "ops" | "manifest" | "shared">,
): Kept | undefined {
  if (!serve) return undefined;
  const { host, port, token_file: token, allowed_hosts: names, all_hosts: isForAll } = serve;
  return {
    name: "registry",
    path: ["registry", "serve"],
    command: [
      `${ops}/release/release-registry.ts`,
      "serve",
      "--manifest",
      manifest,
      `--host=${host}`,
      `--port=${port}`,
      ...(token === undefined ? [] : [`--token-file=${path.resolve(shared, token)}`]),
      ...(isForAll ? ["--all-hosts"] : []),
      ...names.map((name) => `--allow-host=${name}`),
    ],
    isLocal: isLoopback(host) && !isForAll,
  };
}

/** Whether a unit or a property list is one that was rendered for it. */
export const keepsApi = (content: string) =>
  /\/ops\/release\/release-registry\.ts"?(\s+"?|<\/string>\s*<string>)serve\b/.test(content);
