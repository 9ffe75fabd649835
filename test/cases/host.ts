import fs from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import type { Context } from "../../scripts/core/context.ts";
import { chosenServices, readOverrides } from "../../scripts/core/overrides.ts";
import { recordedManifestPath, releasePath, treePaths } from "../../scripts/core/paths.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import type { Case } from "./format.ts";
import { onDisk } from "./tree.ts";

/** The suite, and the checkout with the manifest, of all cases. */
const OPS = "/opt/switchback/ops";
const APP = "/app";

const BASE = { app: "shop", deploy_to: "/srv/shop", services: { web: { run: "bin/server", port: 8000 } } };

/**
 * The context of a case: its manifest goes through the real loader. `root` is laid before the tree's path: a temporary directory for
 * a planner that looks at the tree itself, else nothing.
 */
export function contextOfCase(one: Case, scratch: string, root: string): Context {
  const env = one.overrides;
  const file = path.join(scratch, "deploy.yaml");
  const written: Record<string, unknown> = { ...BASE, ...one.manifest };
  const manifestText = stringify({ ...written, deploy_to: `${root}${String(written["deploy_to"])}` });
  fs.writeFileSync(file, `${manifestText}# switchback: origin=${APP}\n`);
  const loaded = { ...loadManifest({ filePath: file, env, cwd: scratch }), filePath: `${APP}/deploy.yaml` };
  const { manifest } = loaded;
  const overrides = readOverrides(env);
  return {
    loaded,
    manifest,
    paths: treePaths(manifest.deploy_to, env),
    overrides: { ...overrides, services: overrides.services && chosenServices(manifest.app, manifest.services, overrides.services) },
    opsPath: OPS,
    flags: ["--manifest", loaded.filePath],
  };
}

/** Makes the directories of a case's releases, and the manifests kept for them. */
export function makeTree({ paths, loaded }: Context, { facts }: Case): void {
  for (const id of onDisk(facts)) fs.mkdirSync(releasePath(paths, id), { recursive: true });
  fs.mkdirSync(paths.manifests, { recursive: true });
  for (const id of facts.recorded ?? []) fs.writeFileSync(recordedManifestPath(paths, id), loaded.text);
}
