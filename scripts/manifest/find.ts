import { statSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { UsageError } from "../core/errors.ts";
import { expandHome } from "./home.ts";
import { type FindOptions, isSame, isTree } from "./places.ts";

const FILE_NAME = "deploy.yaml";

/**
 * Absolute path of the manifest to use: `--manifest`, `$DEPLOY_MANIFEST`, the nearest `deploy.yaml` upward from `cwd`, then
 * from the launcher, then `$DEPLOY_ROOT/deploy.yaml` (SPEC section 3). A UsageError says where it looked; another refuses to
 * choose between the manifest beside the launcher and one near `cwd` that is for another tree.
 */
export async function findManifest(options: FindOptions): Promise<string> {
  const { flag, env, cwd, launcherPath } = options;
  const named = flag || env["DEPLOY_MANIFEST"];
  if (named) return resolve(cwd, expandHome(named, env));
  const launcherDir = launcherPath === undefined ? undefined : dirname(resolve(cwd, launcherPath));
  const near = nearestUpward(cwd);
  const beside = launcherDir === undefined ? undefined : nearestUpward(launcherDir);
  if (near && beside && !isSame(near, beside)) {
    const { refuseOtherTree } = await import("./other-tree.ts");
    refuseOtherTree(near, beside, options);
  }
  const inRoot = env["DEPLOY_ROOT"] ? join(resolve(cwd, expandHome(env["DEPLOY_ROOT"], env)), FILE_NAME) : undefined;
  const found = near ?? beside ?? (inRoot && isFile(inRoot) ? inRoot : undefined);
  if (found) return found;
  throw nothingFound(
    [cwd, launcherDir].filter((path) => path !== undefined),
    inRoot,
  );
}

/** The nearest manifest upward; one inside a tree's releases gives way to the tree's own. */
function nearestUpward(from: string): string | undefined {
  const found: string[] = [];
  for (let path = from; ; path = dirname(path)) {
    if (isFile(join(path, FILE_NAME))) found.push(path);
    if (path === dirname(path)) break;
  }
  const [nearest] = found;
  const tree = found.find(
    (path) =>
      isTree(path) &&
      nearest !== path &&
      ["releases", "current"].some((part) => `${nearest}${sep}`.startsWith(join(path, part) + sep)),
  );
  const chosen = tree ?? nearest;
  return chosen === undefined ? undefined : join(chosen, FILE_NAME);
}

function nothingFound(looked: string[], inRoot: string | undefined): UsageError {
  const places = [...new Set(looked)].map((path) => `${path} and the directories above it`);
  const all = [...places, ...(inRoot === undefined ? [] : [inRoot])];
  return new UsageError(`no ${FILE_NAME} found in ${all.join(", nor in ")}`, {
    next: ["ops/host/init.ts", `--manifest path/to/${FILE_NAME}`],
  });
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
