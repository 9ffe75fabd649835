import fs from "node:fs";
import path from "node:path";
import { parse, stringify } from "yaml";
import type { Place } from "../place.ts";

/** What of a manifest the bench looks at itself: how its release is built. */
export interface BenchManifest {
  app: string;
  dependencies?: Record<string, { path: string; key?: string | string[]; dir?: string; run?: string | string[] }>;
  build?: Record<
    string,
    { dir?: string; run: string | string[]; inputs?: string[]; outputs?: string[]; env?: Record<string, string> }
  >;
  [key: string]: unknown;
}

/** The manifest of the repository that the bench makes. */
export const OWN: BenchManifest = {
  app: "bench",
  dependencies: {
    frontend: {
      path: "frontend/node_modules",
      key: ["frontend/package.json", "frontend/package-lock.json"],
      dir: "frontend",
      run: "npm ci",
    },
  },
  build: {
    frontend: { dir: "frontend", run: "npm run build", inputs: ["frontend"], outputs: ["frontend/dist"] },
    web: {
      run: "mkdir -p infra && cp -r frontend/dist infra/web-main",
      inputs: ["frontend"],
      outputs: ["infra/web-main"],
    },
  },
};

export const BARE: BenchManifest = { app: "bench" };

// What would reach out of the directory, or start something, is no part of a measurement.
const LEFT_OUT = [
  "sites",
  "hooks",
  "migrate",
  "database",
  "backups",
  "environments",
  "registry",
  "smoke",
  "health",
  "drain",
  "update",
  "prune",
  "logs",
];

/** A manifest that somebody names, without all that starts something or lies outside of the tree. */
export function readManifest(file: string): BenchManifest {
  const manifest = parse(fs.readFileSync(file, "utf8")) as BenchManifest;
  for (const key of LEFT_OUT) delete manifest[key];
  const services = (manifest["services"] ?? {}) as Record<string, Record<string, unknown>>;
  for (const service of Object.values(services))
    for (const key of ["schedule", "env_file", "env_required", "user", "group", "container", "socket", "instances"])
      delete service[key];
  const optional = (entry: unknown) => ({
    ...(typeof entry === "string" ? { path: entry } : (entry as object)),
    optional: true,
  });
  for (const key of ["linked_files", "linked_dirs"]) manifest[key] = ((manifest[key] ?? []) as unknown[]).map(optional);
  return { ...manifest, supervisor: "pidfile" };
}

/** Writes a manifest for a tree, which is built from the bench's repository; answers with its file. */
export function writeManifest(place: Place, manifest: BenchManifest, tree: string): string {
  const file = path.join(place.path, `${path.basename(tree)}.yaml`);
  const own = { deploy_to: tree, source: { repo: place.repo, via: "git", ref: "HEAD" }, keep_releases: 100_000 };
  fs.writeFileSync(file, stringify({ ...manifest, ...own }));
  return file;
}

const lines = (run: string | string[] | undefined) => [run ?? []].flat();

/** The same work in one shell, in a release that `$1` names: what teams without switchback do for each release. */
export function buildScript({ dependencies = {}, build = {} }: BenchManifest): string {
  const work = [...Object.values(dependencies), ...Object.values(build)].filter(({ run }) => lines(run).length > 0);
  return work
    .map(({ dir = ".", run, ...more }) => {
      const env = Object.entries("env" in more ? (more.env ?? {}) : {}).map(
        ([name, value]) => `export ${name}=${JSON.stringify(value)}`,
      );
      return `(cd "$1"/${dir}\n${[...env, ...lines(run)].join("\n")}\n)`;
    })
    .join("\n");
}

/** Files by which a dependency set is told from another. */
export const keysOf = ({ dependencies = {} }: BenchManifest) =>
  Object.values(dependencies).flatMap(({ key = [] }) => [key].flat());

/** What build steps read. */
export const inputsOf = ({ build = {} }: BenchManifest) => Object.values(build).flatMap(({ inputs = [] }) => inputs);
