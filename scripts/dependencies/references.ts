import fs from "node:fs";
import path from "node:path";
import type { Context } from "../core/context.ts";
import { BUILDING, type Paths } from "../core/paths.ts";
import { realPath } from "../core/real-path.ts";

/** A directory in `releases`, and which dependency sets it needs. */
export interface Reference {
  id: string;
  holds: (name: string, key: string) => boolean;
}

/** What each directory in `releases` refers to, those included that the registry does not know. */
export function observeReferences(context: Context): Reference[] {
  const deps = realPath(context.paths.deps);
  const places = Object.values(context.manifest.dependencies).map((dependency) => dependency.path);
  return releaseDirectories(context.paths).map((directory) => {
    const said = [path.join(directory, "RELEASE.json"), path.join(directory, BUILDING)].map(depsIn);
    const linked = places.map((place) => realPath(path.join(directory, place)));
    return {
      id: path.basename(directory),
      // Of what cannot be read nothing is known: then everything stays.
      holds: (name, key) =>
        said.some((one) => one === "unreadable" || one[name] === key) ||
        linked.some((place) => place.startsWith(`${path.join(deps, name, key)}/`)),
    };
  });
}

/** Wherever releases of this tree can lie: `DEPLOY_RELEASES_DIR` may be set for one command and not for the next. */
function releaseDirectories({ releases, deployTo, current }: Paths): string[] {
  const folders = [releases, path.join(deployTo, "releases"), path.dirname(realPath(current))];
  return [...new Set(folders.map(realPath))].flatMap((folder) =>
    folder === realPath(deployTo) || !fs.existsSync(folder)
      ? []
      : fs
          .readdirSync(folder, { withFileTypes: true })
          .filter((entry) => !entry.name.startsWith(".removing-") && (entry.isDirectory() || entry.isSymbolicLink()))
          .map((entry) => path.join(folder, entry.name)),
  );
}

function depsIn(file: string): Record<string, unknown> | "unreadable" {
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch {
    return {};
  }
  try {
    return (JSON.parse(text) as { deps?: Record<string, unknown> }).deps ?? {};
  } catch {
    return "unreadable";
  }
}
