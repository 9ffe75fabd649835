import fs from "node:fs";
import path from "node:path";
import { type Context, suitePath } from "../core/context.ts";
import type { Step } from "../core/step.ts";
import { quote } from "../core/step.ts";

/** The suite that runs, and what a tree needs of it. */
export interface SuiteFacts {
  version: string;
  /** This version lies in the tree, or the suite that runs is the tree's own. */
  isInstalled: boolean;
  /** Files and folders of the suite, relative to it. */
  files: string[];
  /** Packages that the suite needs at run time: name → absolute folder. */
  packages: Map<string, string>;
}

interface PackageJson {
  version: string;
  files?: string[];
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/** What of the suite that runs is copied. */
export type SuiteContents = Omit<SuiteFacts, "isInstalled">;

/** Looks whether the tree has this version of the suite. */
export function installedSuite({ paths }: Context): SuiteFacts {
  const version = suiteVersion();
  const isInstalled =
    fs.existsSync(path.join(paths.suite, version, "package.json")) || suitePath.startsWith(`${paths.suite}${path.sep}`);
  return isInstalled ? { version, isInstalled, files: [], packages: new Map() } : { ...suiteContents(), isInstalled };
}

/** The files and packages of the suite that runs; of the runtimes only those that are here. */
export function suiteContents(): SuiteContents {
  const { version, files = [] } = readPackage(suitePath);
  const there = ["package.json", ...files].filter((file) => fs.existsSync(path.join(suitePath, file)));
  return { version, files: there, packages: closure(suitePath) };
}

/** Of the suite that runs. */
export const suiteVersion = (): string => readPackage(suitePath).version;

/** The version of a package that the suite may need, by its own word; undefined: it does not know it. */
export const optionalVersion = (name: string): string | undefined =>
  readPackage(suitePath).optionalDependencies?.[name];

const readPackage = (directory: string) =>
  JSON.parse(fs.readFileSync(path.join(directory, "package.json"), "utf8")) as PackageJson;

/** The packages that a package needs at run time, with all that they need; those of other platforms are not there. */
function closure(from: string, found = new Map<string, string>()): Map<string, string> {
  const { dependencies = {}, optionalDependencies = {} } = readPackage(from);
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const place = resolvePackage(from, name);
    if (!place || found.has(name)) continue;
    found.set(name, place);
    closure(place, found);
  }
  return found;
}

function resolvePackage(from: string, name: string): string | undefined {
  const place = path.join(from, "node_modules", name);
  if (fs.existsSync(path.join(place, "package.json"))) return place;
  const parent = path.dirname(from);
  return parent === from ? undefined : resolvePackage(parent, name);
}

/**
 * Puts the suite into the tree, so that cron lines and the runbook need no checkout (SPEC section 1): `suite/<version>`, and `ops`
 * beside it. Copied under another name first: a half-copied suite never bears its version.
 */
export function planSuite({ paths }: Context, suite: SuiteFacts): Step[] {
  if (suite.isInstalled) return [];
  const place = path.join(paths.suite, suite.version);
  const taking = path.join(paths.suite, `.taking-${suite.version}`);
  const lines = [
    `cp -RL -- ${suite.files.map((file) => quote(path.join(suitePath, file))).join(" ")} ${quote(`${taking}/`)}`,
    ...[...suite.packages].flatMap(([name, from]) => [
      `mkdir -p -- ${quote(path.join(taking, "node_modules", path.dirname(name)))}`,
      `cp -RL -- ${quote(from)} ${quote(path.join(taking, "node_modules", name))}`,
    ]),
    // A checkout may be read-only; its copy has to be removable by the tree's owner.
    `chmod -R u+w -- ${quote(taking)}`,
    // Durable before it counts: after a power cut a suite that bears its version would never be copied again.
    `sync -f ${quote(taking)} 2>/dev/null || sync`,
  ];
  return [
    { kind: "remove", title: `Remove ${taking}`, path: taking },
    { kind: "mkdir", title: `Make ${taking}`, path: taking },
    {
      kind: "run",
      key: "suite",
      title: `Copy the suite ${suite.version} into the tree`,
      run: { lines, cwd: paths.deployTo, env: {} },
    },
    { kind: "move", title: `Let suite ${suite.version} count`, from: taking, to: place },
    {
      kind: "link",
      title: `Point ops at suite ${suite.version}`,
      path: paths.ops,
      target: path.join("suite", suite.version, "ops"),
    },
  ];
}
