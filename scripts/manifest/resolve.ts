import { resolve } from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import { expandHome } from "./home.ts";
import { isPlainMap, type PlainMap } from "./merge.ts";
import type { ReportAt } from "./ports.ts";

const isRemote = (repo: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(repo) || /^[^/]+:/.test(repo);

/** Puts `$DEPLOY_ROOT` and `$REPO_ROOT` (seed 004), made absolute, over what the file says; an empty one counts as unset. */
export function applyEnvironmentVariables(root: PlainMap, env: NodeJS.ProcessEnv, cwd: string): void {
  const { DEPLOY_ROOT, REPO_ROOT } = env;
  if (DEPLOY_ROOT) root["deploy_to"] = resolve(cwd, expandHome(DEPLOY_ROOT, env));
  if (REPO_ROOT)
    root["source"] = {
      ...(isPlainMap(root["source"]) ? root["source"] : {}),
      repo: resolve(cwd, expandHome(REPO_ROOT, env)),
    };
}

/** Reports a `deploy_to` or `source.repo` that is no place for a tree or a checkout. */
export function checkPaths(root: PlainMap, basePath: string, report: ReportAt): void {
  const source = isPlainMap(root["source"]) ? root["source"]["repo"] : undefined;
  const named: [PropertyKey[], unknown][] = [
    [["deploy_to"], root["deploy_to"]],
    [["source", "repo"], source],
  ];
  for (const [path, value] of named)
    if (typeof value === "string" && /^~[^/]/.test(value))
      report(path, "only ~ alone is expanded: wanted the whole path");
  if (typeof root["deploy_to"] === "string" && resolve(basePath, root["deploy_to"]) === "/")
    report(["deploy_to"], "the tree cannot be the root directory");
}

/** For an environment with hosts: `deploy_to` stays as it is written, for each host to expand. */
export const withHostPaths = (manifest: Manifest, basePath: string, env: NodeJS.ProcessEnv): Manifest => ({
  ...withAbsolutePaths(manifest, basePath, env),
  deploy_to: manifest.deploy_to,
});

/** Makes `deploy_to` and a local `source.repo` absolute. */
export function withAbsolutePaths(manifest: Manifest, basePath: string, env: NodeJS.ProcessEnv): Manifest {
  const { repo } = manifest.source;
  return {
    ...manifest,
    deploy_to: resolve(basePath, expandHome(manifest.deploy_to, env)),
    source: { ...manifest.source, repo: isRemote(repo) ? repo : resolve(basePath, expandHome(repo, env)) },
  };
}
