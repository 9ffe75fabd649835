import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { BuildStep, Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { suitePath } from "../core/context.ts";
import { hashFile } from "../core/hash-file.ts";
import { readOverrides } from "../core/overrides.ts";
import { treePaths } from "../core/paths.ts";
import type { LoadedManifest } from "../manifest/loaded.ts";
import { ManifestError } from "../manifest/problems.ts";

const isLocal = ({ build_on }: Pick<Manifest, "build_on">, step: BuildStep) => (step.build_on ?? build_on) === "local";

/** The build steps that run on the machine that deploys, by name, in their order. */
export const localSteps = (manifest: Manifest): [name: string, step: BuildStep][] =>
  Object.entries(manifest.build).filter(([, step]) => isLocal(manifest, step));

/** @throws ManifestError for a step that runs here behind one that runs on the host: it could not see what that one made. */
export function refuseOrder(loaded: LoadedManifest): void {
  const { manifest } = loaded;
  const steps = Object.entries(manifest.build);
  const first = steps.findIndex(([, step]) => !isLocal(manifest, step));
  const late = first < 0 ? [] : steps.slice(first).filter(([, step]) => isLocal(manifest, step));
  const problems = late.map(([name, { build_on }]) =>
    loaded.problemAt(
      ["build", name, ...(build_on === undefined ? [] : ["build_on"])],
      "key",
      `build.${name} runs on this machine, and build.${steps[first]?.[0]} in front of it on the host: it would not see what that makes; put it first, or on the host`,
    ),
  );
  if (problems.length > 0) throw new ManifestError(loaded.file, loaded.text, problems);
}

/** The tree on this machine in which releases of an environment are made before they are sent: its own for each manifest file. */
export function stagingPath(
  { manifest, filePath, environment = "default" }: LoadedManifest,
  env = process.env,
): string {
  const named = env["XDG_STATE_HOME"];
  const state = named && path.isAbsolute(named) ? named : path.join(env["HOME"] || os.homedir(), ".local/state");
  const hash = createHash("sha256").update(filePath).digest("hex").slice(0, 12);
  return path.join(state, "switchback", `${manifest.app}-${environment}-${hash}`);
}

/**
 * The manifest by which a release is staged: the source without what each host links into it, the steps that run here, and, where there
 * are any, the dependency sets and those linked files that the checkout has. No hook, no service, no record of the user's.
 */
export function stagingManifest({ manifest }: LoadedManifest, place: string): Manifest {
  const { app, source, linked_files, linked_dirs, dependencies, release_id, prune, environments } = manifest;
  const build = localSteps(manifest);
  const linked = [...linked_files, ...linked_dirs, ...Object.values(dependencies)].map((entry) => entry.path);
  const isThere = (from: string) => fs.existsSync(path.resolve(source.repo, from));
  return {
    app,
    release_id,
    prune,
    environments,
    deploy_to: place,
    keep_releases: 2,
    source: { ...source, exclude: [...source.exclude, ...linked.map(anchored)] },
    linked_files:
      build.length > 0
        ? linked_files.filter(({ from }) => isThere(from)).map((entry) => ({ ...entry, optional: true }))
        : [],
    linked_dirs: [],
    dependencies: build.length > 0 ? dependencies : {},
    build: Object.fromEntries(build),
    build_on: "local",
    services: {},
    smoke: [],
    supervisor: "pidfile",
    sites: {},
    hooks: {
      before_build: [],
      after_build: [],
      before_switch: [],
      after_switch: [],
      after_rollback: [],
      on_failure: [],
    },
    registry: {},
  };
}

// A pattern of tar's that names one place and nothing else.
const anchored = (place: string) => `/${place.replaceAll(/[*?[\]\\]/g, "\\$&")}`;

/** What a staged release was made by, besides its commit: one that was made by something else is made again. */
export function makingOf({ build, dependencies, source, linked_files }: Manifest): string {
  const files = linked_files.map(({ path: place, from }) => [place, hashFile(path.resolve(source.repo, from))]);
  const text = JSON.stringify([build, dependencies, source.repo, source.exclude, files]);
  return createHash("sha256").update(text).digest("hex");
}

/** The context in which the operation stages: no variable that means a tree on a host means this one. */
export function stagingContext(loaded: LoadedManifest): Context {
  const place = stagingPath(loaded);
  const { filePath, environment } = loaded;
  const manifest = stagingManifest(loaded, place);
  return {
    loaded: { ...loaded, manifest, hosts: [] },
    manifest,
    paths: treePaths(place),
    overrides: readOverrides({}),
    opsPath: path.join(suitePath, "ops"),
    flags: ["--manifest", filePath, ...(environment ? ["--env", environment] : [])],
  };
}
