import path from "node:path";
import { committable, readText } from "./part-files.ts";
import { rangeOf } from "./version-range.ts";

export interface PythonPart {
  /** Lower case, without versions. */
  requirements: string[];
  /** What says which packages, and by what they are installed. */
  installer: "uv" | "poetry" | "requirements" | "project";
  /** Files beside which alone its packages are installed; none where that needs more of the application. */
  key: string[];
  /** `>=3.11,<4`, of what the project says; empty where it does not. */
  range: string;
  migration?: "alembic" | "django";
  /** `app.main:app`, or `app:create_app()`: where the application object is made. */
  target?: string;
  /** A script that starts it. */
  script?: string;
}

/** Files by which a folder is Python's. */
export const PYTHON = new Set(["requirements.txt", "pyproject.toml", "alembic.ini"]);

const KNOWN = [
  "fastapi",
  "uvicorn",
  "gunicorn",
  "flask",
  "starlette",
  "django",
  "psycopg",
  "psycopg2",
  "asyncpg",
  "pymongo",
  "motor",
];

/** Looks at a folder with files of Python's. */
export function observePython(place: string, names: string[]): PythonPart {
  const project = readText(path.join(place, "pyproject.toml")) ?? "";
  const text = `${readText(path.join(place, "requirements.txt")) ?? ""}\n${project}`;
  const target = findTarget(place);
  const script = ["main.py", "app.py", "server.py"].find((name) => names.includes(name));
  const migration = migrationOf(place, names);
  return {
    requirements: KNOWN.filter((name) => new RegExp(`\\b${name}\\b`, "i").test(text)),
    ...packagesOf(place, project, names),
    range: rangeFor(place, project),
    ...(migration ? { migration } : {}),
    ...(target ? { target } : {}),
    ...(script ? { script } : {}),
  };
}

function migrationOf(place: string, names: string[]): PythonPart["migration"] {
  if (names.includes("alembic.ini")) return "alembic";
  return /\bdjango\b/.test(readText(path.join(place, "manage.py")) ?? "") ? "django" : undefined;
}

function packagesOf(place: string, project: string, names: string[]): Pick<PythonPart, "installer" | "key"> {
  const has = committable(
    place,
    names.filter((name) => ["uv.lock", "poetry.lock", "requirements.txt"].includes(name)),
  );
  // A package that lies beside it is no part of the set's directory.
  const isAlone = !/\b(?:path|workspace)\s*=/.test(project);
  for (const [lockfile, installer] of [
    ["uv.lock", "uv"],
    ["poetry.lock", "poetry"],
  ] as const)
    if (has.includes(lockfile) && project !== "")
      return { installer, key: isAlone ? ["pyproject.toml", lockfile] : [] };
  if (!names.includes("requirements.txt")) return { installer: "project", key: [] };
  const key = has.includes("requirements.txt") ? requirementFiles(place, "requirements.txt") : undefined;
  return { installer: "requirements", key: key ?? [] };
}

/** A file of requirements and those that it includes; undefined where it names a package by a path. */
function requirementFiles(place: string, file: string, seen: string[] = []): string[] | undefined {
  if (seen.includes(file)) return seen;
  const text = readText(path.join(place, file));
  if (text === undefined || committable(place, [file]).length === 0) return undefined;
  let found: string[] | undefined = [...seen, file];
  for (const line of text
    .replaceAll(/\\\n/g, " ")
    .split("\n")
    .map((one) => one.replace(/(^|\s)#.*/, "").trim())) {
    const included = /^(?:-r|-c|--requirement|--constraint)[\s=]*(\S+)$/.exec(line)?.[1];
    const beside = included === undefined ? undefined : path.join(path.dirname(file), included);
    if (
      beside?.startsWith("..") ||
      /^(?:-e|--editable|-f|--find-links|[./])|\bfile:|^\S+[/\\]\S+\.(?:whl|gz|zip)\b/.test(line)
    )
      return undefined;
    if (beside !== undefined && !/^\w+:\/\//.test(included ?? "")) found = requirementFiles(place, beside, found);
    if (found === undefined) return undefined;
  }
  return found;
}

function rangeFor(place: string, project: string): string {
  const said =
    /^requires-python\s*=\s*["']([^"']+)["']/m.exec(project) ?? /^python\s*=\s*["']([^"']+)["']/m.exec(project);
  const file = readText(path.join(place, ".python-version")) ?? readText(path.join(place, "runtime.txt")) ?? "";
  return rangeOf(said?.[1] ?? file.trim().replace(/^python-/, ""));
}

function findTarget(place: string): string | undefined {
  for (const file of TARGETS) {
    const source = readText(path.join(place, file)) ?? "";
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
