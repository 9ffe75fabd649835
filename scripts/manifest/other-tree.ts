import { dirname, resolve } from "node:path";
import { SwitchbackError, UsageError } from "../core/errors.ts";
import { openManifest } from "./document.ts";
import { type FindOptions, isSame, isTree } from "./places.ts";
import { expandHome } from "./home.ts";
import { environmentNames, layerOf } from "./layers.ts";
import { showFile } from "./problems.ts";
import { applyEnvironmentVariables } from "./resolve.ts";

/** @throws UsageError when the manifest near the caller and the one beside the launcher are for different trees. */
export function refuseOtherTree(near: string, beside: string, options: FindOptions): void {
  const besidePath = dirname(beside);
  const intended = treeOf(near, options);
  const own = isTree(besidePath) ? besidePath : treeOf(beside, options);
  if (intended === undefined || own === undefined || isSame(intended, own)) return;
  const nearFile = showFile(near, options.cwd);
  throw new UsageError(
    `this command belongs to ${besidePath}, but ${nearFile} here is for ${intended}: say which is meant`,
    {
      next: [`--manifest ${beside}`, `--manifest ${nearFile}`],
    },
  );
}

/** The tree that a manifest is for; undefined when it cannot tell, and loading it will say why. */
function treeOf(filePath: string, { environment, env, cwd }: FindOptions): string | undefined {
  try {
    const { root, basePath, environment: own } = openManifest(filePath, filePath);
    const chosen = environment ?? own;
    if (chosen !== undefined && !environmentNames(root).includes(chosen)) return undefined;
    const layer = layerOf(root, chosen).root;
    applyEnvironmentVariables(layer, env, cwd);
    return typeof layer["deploy_to"] === "string" ? resolve(basePath, expandHome(layer["deploy_to"], env)) : undefined;
  } catch (error) {
    if (error instanceof SwitchbackError) return undefined;
    throw error;
  }
}
