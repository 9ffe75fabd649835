import fs from "node:fs";
import path from "node:path";
import { readEnvFile } from "../service/env-file.ts";
import { type CheckoutFacts, git, observeCheckout } from "./checkout.ts";

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

export interface NodePart {
  name?: string;
  scripts: Record<string, string>;
  main?: string;
  dependencies: string[];
  lockfile?: "package-lock.json" | "yarn.lock" | "pnpm-lock.yaml" | "bun.lock";
}

export interface PythonPart {
  /** Lower case, without versions. */
  requirements: string[];
  hasRequirementsFile: boolean;
  hasAlembic: boolean;
  /** `app.main:app`, or `app:create_app()`: where the application object is made. */
  target?: string;
  /** A script that starts it. */
  script?: string;
}

/** What init finds in a folder. */
export interface ApplicationFacts extends CheckoutFacts {
  folder: string;
  platform: NodeJS.Platform;
  isRoot: boolean;
  /** It is built into a container's image. */
  hasContainerfile: boolean;
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
  return {
    ...checkout,
    folder,
    platform: process.platform,
    isRoot: process.geteuid?.() === 0,
    hasContainerfile: files(folder).some((name) => name === "Containerfile" || name === "Dockerfile"),
    hasManifest: fs.existsSync(path.join(folder, "deploy.yaml")),
    parts,
    dataDirs,
    databases: databases.filter(isOwn),
    gitignore: read(path.join(folder, ".gitignore")) ?? "",
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

function read(file: string): string | undefined {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat?.isFile() && stat.size < 512 * 1024 ? fs.readFileSync(file, "utf8") : undefined;
}

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

const PYTHON = new Set(["requirements.txt", "pyproject.toml", "alembic.ini"]);
const LOCKFILES = ["package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"] as const;

function observeNode(place: string, names: string[]): NodePart {
  const json = parseJson(read(path.join(place, "package.json")) ?? "{}");
  const record = (key: string) =>
    typeof json[key] === "object" && json[key] !== null ? (json[key] as Record<string, string>) : {};
  const lockfile = LOCKFILES.find((name) => names.includes(name));
  return {
    scripts: record("scripts"),
    dependencies: Object.keys({ ...record("dependencies"), ...record("devDependencies") }),
    ...(typeof json["name"] === "string" ? { name: json["name"] } : {}),
    ...(typeof json["main"] === "string" ? { main: json["main"] } : {}),
    ...(lockfile ? { lockfile } : {}),
  };
}

function parseJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function observePython(place: string, names: string[]): PythonPart {
  const text = `${read(path.join(place, "requirements.txt")) ?? ""}\n${read(path.join(place, "pyproject.toml")) ?? ""}`;
  const target = findTarget(place);
  const script = ["main.py", "app.py", "server.py"].find((name) => names.includes(name));
  return {
    requirements: ["fastapi", "uvicorn", "gunicorn", "flask", "starlette"].filter((name) =>
      new RegExp(`\\b${name}\\b`, "i").test(text),
    ),
    hasRequirementsFile: names.includes("requirements.txt"),
    hasAlembic: names.includes("alembic.ini"),
    ...(target ? { target } : {}),
    ...(script ? { script } : {}),
  };
}

function findTarget(place: string): string | undefined {
  for (const file of TARGETS) {
    const source = read(path.join(place, file)) ?? "";
    const isFactory = /^def create_app\(/m.test(source) && !/^app\s*=/m.test(source);
    if (!isFactory && !/\b(?:FastAPI|Flask|Starlette)\s*\(/.test(source)) continue;
    const module = file
      .slice(0, -".py".length)
      .replaceAll("/", ".")
      .replace(/\.__init__$/, "");
    return `${module}:${isFactory ? "create_app()" : "app"}`;
  }
  return undefined;
}

const TARGETS = ["app/main.py", "main.py", "app.py", "app/__init__.py", "server.py"];

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
