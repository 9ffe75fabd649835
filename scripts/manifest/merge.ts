import { ENVIRONMENT_KEYS } from "../../manifest.schema.ts";

export type PlainMap = Record<string, unknown>;

export const isPlainMap = (value: unknown): value is PlainMap =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Maps merge key by key; lists and scalars of `over` replace those of `base`. */
export function deepMerge(base: unknown, over: unknown): unknown {
  if (!isPlainMap(base) || !isPlainMap(over)) return over;
  const merged: PlainMap = { ...base };
  for (const [key, value] of Object.entries(over))
    merged[key] = Object.hasOwn(base, key) ? deepMerge(base[key], value) : value;
  return merged;
}

/** What `environments.<name>` says about top-level keys, without its own hosts, user and port. */
export function overrideOf(root: unknown, name: string): PlainMap {
  const environments = isPlainMap(root) ? root["environments"] : undefined;
  const chosen = isPlainMap(environments) && Object.hasOwn(environments, name) ? environments[name] : undefined;
  if (!isPlainMap(chosen)) return {};
  return Object.fromEntries(
    Object.entries(chosen).filter(([key]) => !(ENVIRONMENT_KEYS as readonly string[]).includes(key)),
  );
}

/** Whether the merged value at `path` (or the map that lacks it) was written in `over`, not in `base`. */
export function isFromOverride(base: unknown, over: unknown, path: PropertyKey[]): boolean {
  let [under, upper] = [base, over];
  for (const step of path) {
    if (!isPlainMap(upper) || !Object.hasOwn(upper, step)) return false;
    upper = upper[step as string];
    under = isPlainMap(under) && Object.hasOwn(under, step) ? under[step as string] : undefined;
    if (!isPlainMap(upper) || !isPlainMap(under)) return true;
  }
  return false;
}
