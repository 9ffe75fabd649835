import path from "node:path";
import { committable, entriesOf, readObject, readText } from "./part-files.ts";
import { rangeOf } from "./version-range.ts";

export interface NodePart {
  name?: string;
  scripts: Record<string, string>;
  main?: string;
  dependencies: string[];
  lockfile?: "package-lock.json" | "yarn.lock" | "pnpm-lock.yaml" | "bun.lock";
  /** `>=20,<23`, of `engines`; empty where it does not say. */
  range: string;
  /** Lockfiles beside which alone `npm ci` makes its node_modules; none where it needs more of the application. */
  key: string[];
  /** It needs nothing outside of its folder. */
  isWhole: boolean;
  /** Where its build step writes, relative; absent where that is not known. */
  output?: string;
  migration?: "prisma" | "knex";
}

const LOCKFILES = ["package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"] as const;

/** Looks at a folder with a package.json. */
export function observeNode(place: string, names: string[]): NodePart {
  const json = readObject(path.join(place, "package.json"));
  const record = (key: string) => entriesOf(json[key]) as Record<string, string>;
  const has = committable(
    place,
    names.filter((name) => name === ".npmrc" || LOCKFILES.some((one) => one === name)),
  );
  const lockfile = LOCKFILES.find((name) => has.includes(name));
  const dependencies = Object.keys({ ...record("dependencies"), ...record("devDependencies") });
  const isWhole = lockfile === "package-lock.json" && json["workspaces"] === undefined && isLockWhole(place);
  const isAlone = isWhole && !INSTALL_SCRIPTS.some((name) => record("scripts")[name]) && !needsMore(dependencies);
  const output = outputOf(place, names, record("scripts")["build"] ?? "");
  const migration = migrationOf(names, place, dependencies);
  return {
    scripts: record("scripts"),
    dependencies,
    range: rangeOf(record("engines")["node"] ?? ""),
    key: isAlone ? ["package.json", ...has.filter((name) => name === ".npmrc" || name === lockfile)] : [],
    isWhole,
    ...(typeof json["name"] === "string" ? { name: json["name"] } : {}),
    ...(typeof json["main"] === "string" ? { main: json["main"] } : {}),
    ...(lockfile ? { lockfile } : {}),
    ...(output === undefined ? {} : { output }),
    ...(migration ? { migration } : {}),
  };
}

/** What `npm ci` starts of the application's own. */
const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"];

// Prisma writes its client into node_modules from the schema; the others refuse a node_modules that leads elsewhere, or keep caches of
// one release in it.
const NEEDS_MORE = new Set([
  "prisma",
  "@prisma/client",
  "next",
  "nuxt",
  "gatsby",
  "react-scripts",
  "@angular/cli",
  "expo",
]);

const needsMore = (dependencies: string[]) => dependencies.some((name) => NEEDS_MORE.has(name));

/** The lockfile names packages of registries only, and at least one. */
function isLockWhole(place: string): boolean {
  const packages = entriesOf(readObject(path.join(place, "package-lock.json"))["packages"]);
  const entries = Object.entries(packages).filter(([name]) => name !== "");
  const isLocal = (value: Record<string, unknown>) =>
    value["link"] === true || (typeof value["resolved"] === "string" && value["resolved"].startsWith("file:"));
  return (
    entries.length > 0 &&
    entries.every(([name, value]) => name.startsWith("node_modules/") && !isLocal(entriesOf(value)))
  );
}

/** A tool that builds, where it writes, and what in its settings would say otherwise. */
const TOOLS = [
  {
    script: /^(?:tsc(?: -b| --noEmit| -b --noEmit)? && )?vite build$/,
    output: "dist",
    settings: /^vite\.config\./,
    other: /outDir|\.\.\//,
  },
  { script: /^next build$/, output: ".next", settings: /^next\.config\./, other: /distDir|output|\.\.\// },
  { script: /^react-scripts build$/, output: "build", settings: /^\.env|^tsconfig\.json$/, other: /BUILD_PATH|\.\.\// },
];

function outputOf(place: string, names: string[], script: string): string | undefined {
  const tool = TOOLS.find((one) => one.script.test(script.trim()));
  const settings = names.filter((name) => tool?.settings.test(name));
  return settings.some((name) => tool?.other.test(readText(path.join(place, name)) ?? "")) ? undefined : tool?.output;
}

function migrationOf(names: string[], place: string, dependencies: string[]): NodePart["migration"] {
  const isPrisma = dependencies.includes("prisma") && readText(path.join(place, "prisma/schema.prisma")) !== undefined;
  if (isPrisma) return "prisma";
  return dependencies.includes("knex") && names.some((name) => /^knexfile\.[cm]?[jt]s$/.test(name))
    ? "knex"
    : undefined;
}
