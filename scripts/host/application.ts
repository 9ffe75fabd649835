import fs from "node:fs";
import path from "node:path";
import { readEnvFile } from "../service/env-file.ts";
import { type CheckoutFacts, git, observeCheckout } from "./checkout.ts";
import { type ContainerPart, observeContainer } from "./container-part.ts";
import { type NodePart, observeNode } from "./node-part.ts";
import { readText as read } from "./part-files.ts";
import { observePython, PYTHON, type PythonPart } from "./python-part.ts";

/** One folder of an application that is built or started by itself: its root, `backend`, `frontend` … */
export interface Part {
  /** Relative to the application; `.` is its root. */
  dir: string;
  node?: NodePart;
  python?: PythonPart;
  /** Its folder holds an index.html and nothing that starts a server. */
  isStatic: boolean;
  /** The file with its settings, relative to the part, and the names in it; never a value but PORT's. */
  envFile?: { name: string; names: string[]; port?: number };
  hasEnvExample: boolean;
  /** A path that it answers when it is healthy, found in its source. */
  healthPath?: string;
}

/** What init finds in a folder. */
export interface ApplicationFacts extends CheckoutFacts {
  folder: string;
  platform: NodeJS.Platform;
  isRoot: boolean;
  /** It is built into a container's image. */
  container?: ContainerPart;
  hasManifest: boolean;
  parts: Part[];
  /** Folders with data that belong to no commit, relative. */
  dataDirs: string[];
  /** SQLite databases that belong to no commit, relative; those in `dataDirs` included. */
  databases: string[];
  gitignore: string;
  /** `node_modules/switchback` upward from it, relative. */
  packagePath?: string;
}

/** Looks at an application: its root and the folders right below it. */
export function observeApplication(folder: string): ApplicationFacts {
  const checkout = observeCheckout(folder);
  const below = directories(folder).filter((dir) => !DATA_DIRS.has(dir) && dir !== "ops");
  const parts = [".", ...below].flatMap((dir) => observePart(folder, dir) ?? []);
  const isOwn = (name: string) => !checkout.isGit || git(folder, "ls-files", "--", name) === "";
  const dataDirs = directories(folder).filter((dir) => DATA_DIRS.has(dir) && isOwn(dir));
  const places = [".", ...below, ...dataDirs];
  const databases = places.flatMap((dir) =>
    files(path.join(folder, dir))
      .filter((name) => /\.(db|sqlite3?)$/.test(name))
      .map((name) => path.join(dir, name)),
  );
  const packagePath = packageUpward(folder);
  const container = observeContainer(folder, files(folder));
  return {
    ...checkout,
    folder,
    platform: process.platform,
    isRoot: process.geteuid?.() === 0,
    hasManifest: fs.existsSync(path.join(folder, "deploy.yaml")),
    parts,
    dataDirs,
    databases: databases.filter(isOwn),
    gitignore: read(path.join(folder, ".gitignore")) ?? "",
    ...(container === undefined ? {} : { container }),
    ...(packagePath === undefined ? {} : { packagePath }),
  };
}

const DATA_DIRS = new Set(["data", "uploads", "storage", "media"]);
const SKIPPED = new Set(["node_modules", "venv", "dist", "build", "__pycache__"]);

function directories(folder: string): string[] {
  const entries = fs.readdirSync(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && !SKIPPED.has(entry.name))
    .map(({ name }) => name)
    .toSorted();
}

const files = (folder: string) =>
  fs
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .toSorted();

function packageUpward(folder: string): string | undefined {
  for (let at = folder; ; at = path.dirname(at)) {
    const place = path.join(at, "node_modules/switchback");
    if (fs.existsSync(path.join(place, "package.json"))) return path.relative(folder, place);
    if (at === path.dirname(at)) return undefined;
  }
}

function observePart(folder: string, dir: string): Part | undefined {
  const place = path.join(folder, dir);
  const names = files(place);
  const node = names.includes("package.json") ? observeNode(place, names) : undefined;
  const python = names.some((name) => PYTHON.has(name)) ? observePython(place, names) : undefined;
  const isStatic = !node && !python && names.includes("index.html");
  const envFile = observeEnvFile(place, names);
  if (!node && !python && !isStatic && !(dir === "." && envFile)) return undefined;
  const healthPath = findHealthPath(place);
  return {
    dir,
    isStatic,
    hasEnvExample: names.includes(".env.example"),
    ...(node ? { node } : {}),
    ...(python ? { python } : {}),
    ...(envFile ? { envFile } : {}),
    ...(healthPath ? { healthPath } : {}),
  };
}

// Production settings first: they are what a release runs with (seed 002 keeps them beside those of development).
const ENV_FILES = [".env.production", ".env"];

function observeEnvFile(place: string, names: string[]): Part["envFile"] {
  const name = ENV_FILES.find((file) => names.includes(file));
  if (!name) return undefined;
  const { values } = readEnvFile(name, place);
  const port = Number(values.get("PORT"));
  const isPort = Number.isInteger(port) && port > 0 && port < 65536;
  return { name, names: [...values.keys()], ...(isPort ? { port } : {}) };
}

const HEALTH = /["'`](\/(?:api\/)?(?:health|healthz|health-check|healthcheck))["'`]/;

/** Looks into the source files of a folder and of the folders right below it. */
function findHealthPath(place: string): string | undefined {
  for (const dir of [".", ...directories(place).filter((name) => !DATA_DIRS.has(name) && name !== "ops")])
    for (const name of files(path.join(place, dir)).filter((file) => /\.(?:[cm]?[jt]s|py)$/.test(file))) {
      const found = HEALTH.exec(read(path.join(place, dir, name)) ?? "")?.[1];
      if (found) return found;
    }
  return undefined;
}
