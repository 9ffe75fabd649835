import { holds } from "../../build/places.ts";
import { OWN_PATHS } from "./linked.ts";

const isPlainMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

interface Taken {
  path: string;
  what: string;
}

function clashOf(path: string, earlier: Taken[]): string | undefined {
  if (path === ".") return "is the whole release: a set has a place inside it";
  const own = OWN_PATHS.find((one) => holds(one, path));
  if (own) return `${own} belongs to the release itself`;
  const other = earlier.find((one) => holds(one.path, path) || holds(path, one.path));
  if (!other) return undefined;
  if (other.path === path) return `${path} is ${other.what} already`;
  return holds(other.path, path)
    ? `${path} lies inside ${other.path}, which is ${other.what}`
    : `${other.path}, which is ${other.what}, lies inside ${path}`;
}

const pathOf = (value: unknown): string | undefined =>
  isPlainMap(value) && typeof value["path"] === "string" ? value["path"] : undefined;

const linked = (value: unknown, key: string): Taken[] =>
  (Array.isArray(value) ? value : []).flatMap((entry) => {
    const path = pathOf(entry);
    return path === undefined ? [] : [{ path, what: `in ${key}` }];
  });

/** Reports each dependency set whose place in the release is another's; looks at them also when other keys are wrong. */
export function checkDependencyPaths(
  value: Record<string, unknown>,
  report: (path: PropertyKey[], message: string) => void,
): void {
  const earlier = ["linked_files", "linked_dirs"].flatMap((key) => linked(value[key], key));
  for (const [name, set] of Object.entries(isPlainMap(value["dependencies"]) ? value["dependencies"] : {})) {
    const path = pathOf(set);
    if (path === undefined) continue;
    const clash = clashOf(path, earlier);
    if (clash) report(["dependencies", name, "path"], clash);
    earlier.push({ path, what: `the place of the set ${name}` });
  }
}
