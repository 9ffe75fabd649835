import fs from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import type { Context } from "../../scripts/core/context.ts";
import { chosenServices, readOverrides } from "../../scripts/core/overrides.ts";
import { treePaths } from "../../scripts/core/paths.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import type { Case } from "./format.ts";

/** The suite, and the checkout with the manifest, of all cases. */
const OPS = "/opt/switchback/ops";
const APP = "/app";

const BASE = { app: "shop", deploy_to: "/srv/shop", services: { web: { run: "bin/server", port: 8000 } } };

/** The context of a case: its manifest goes through the real loader. */
export function contextOfCase(one: Case, scratch: string): Context {
  const env = one.overrides;
  const file = path.join(scratch, "deploy.yaml");
  const there = one.on === undefined ? "" : ` env=prod host=${one.on}`;
  fs.writeFileSync(file, `${stringify({ ...BASE, ...one.manifest })}# switchback: origin=${APP}${there}\n`);
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
