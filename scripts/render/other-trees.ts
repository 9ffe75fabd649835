import fs from "node:fs";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import { realPath } from "../core/real-path.ts";
import type { Installation } from "./installed.ts";
import { treeIn } from "./mark.ts";

/** The tree that a file was rendered for, where that is another one and still there. */
export function otherTreeIn(content: string, deployTo: string): string | undefined {
  const tree = treeIn(content);
  return tree === undefined || !fs.existsSync(tree) || realPath(tree) === realPath(deployTo) ? undefined : tree;
}

/**
 * Two trees never share a file outside of them: the second would take the first one's services over. `key` is what a service's
 * name there can be set by; `read` gives a text in which the mark stands as it was meant.
 * @throws UsageError when a file is another tree's
 */
export function refuseOthers(
  { loaded, manifest, paths }: Context,
  { installed, wanted }: { installed: Installation["installed"]; wanted: readonly { path: string }[] },
  key?: "unit" | "label",
  read = (content: string) => content,
): void {
  const found = wanted.flatMap(({ path: file }) => {
    const tree = otherTreeIn(read(installed.get(file) ?? ""), paths.deployTo);
    return tree === undefined ? [] : [`${file} belongs to the tree ${tree}`];
  });
  if (found.length === 0) return;
  const { environment } = loaded;
  const app = environment === undefined ? "app" : `environments.${environment}.app`;
  const suggested = `${manifest.app}-${environment ?? "2"}`;
  throw new UsageError(found.length > 1 ? `${found[0]}, and ${found.length - 1} more do` : `${found[0]}`, {
    next: `in deploy.yaml, another name for what is installed: ${app}: ${suggested}${key === undefined ? "" : `, or ${key} of each service`}`,
  });
}
