import { UsageError } from "../core/errors.ts";
import { deepMerge, isFromOverride, isPlainMap, overrideOf, type PlainMap } from "./merge.ts";
import { nearest, showNearest } from "./near.ts";

/** The manifest as one environment sees it. */
export interface Layer {
  /** Absent: the top level alone. */
  environment?: string;
  /** A copy of its own, merged. */
  root: PlainMap;
  /** Whether the value at a path of `root` was written under `environments.<name>`. */
  isOverridden(path: PropertyKey[]): boolean;
  /** A path of `root` → where that stands in the file. */
  inFile(path: PropertyKey[]): PropertyKey[];
}

/** Names under `environments`, in file order. */
export const environmentNames = (root: PlainMap): string[] =>
  isPlainMap(root["environments"]) ? Object.keys(root["environments"]) : [];

/** Lays `environments.<environment>` over the top level. */
export function layerOf(root: PlainMap, environment: string | undefined): Layer {
  if (environment === undefined)
    return { root: structuredClone(root), isOverridden: () => false, inFile: (path) => path };
  const { environments, ...base } = root;
  const over = overrideOf(root, environment);
  const merged = structuredClone(deepMerge(base, over)) as PlainMap;
  const isOverridden = (path: PropertyKey[]): boolean => isFromOverride(base, over, path);
  return {
    environment,
    root: { ...merged, environments },
    isOverridden,
    inFile: (path) => (isOverridden(path) ? ["environments", environment, ...path] : path),
  };
}

/** Refuses (exit 2) an environment that the manifest does not have. */
export function checkEnvironment(root: PlainMap, name: string | undefined, file: string): void {
  const names = environmentNames(root);
  if (name === undefined || names.includes(name)) return;
  const near = nearest(name, names);
  const known = names.length > 0 ? `it has ${names.join(", ")}` : "it has none";
  throw new UsageError(`${file} has no environment "${name}"${showNearest(name, names) || `; ${known}`}`, {
    next: (near.length > 0 ? near : names).map((other) => `--env ${other}`),
  });
}
