import type { NodePart, Part, PythonPart } from "./application.ts";

/** As YAML: bare where that cannot be taken for anything else. */
export const scalar = (value: string) =>
  /^[A-Za-z/~.][A-Za-z0-9_/.@-]*$/.test(value) && !/^(true|false|null|yes|no|on|off|~)$/i.test(value)
    ? value
    : JSON.stringify(value);

/** Words of a command line; what YAML could take for more is quoted. */
export const runScalar = (run: string) =>
  /^[A-Za-z/.][A-Za-z0-9_/.@$}{ =:-]*$/.test(run) && !/: |:$| #/.test(run) && !run.endsWith(" ")
    ? run
    : JSON.stringify(run);

/** A name for what comes from a folder; `root` for the application itself. */
export const nameOf = (dir: string, root: string) =>
  dir === "."
    ? root
    : dir
        .toLowerCase()
        .replaceAll(/[^a-z0-9_-]/g, "-")
        .replace(/^[^a-z]+/, "") || root;

/** The build step of a part; undefined where there is nothing to build. */
export function buildOf({
  dir,
  node,
  python,
}: Part): { name: string; dir: string | null; needs: string; run: string[] } | undefined {
  const steps = [...(python ? pythonSteps(python) : []), ...(node ? nodeSteps(node) : [])];
  if (steps.length === 0) return undefined;
  const needs = [
    ...(python ? ["python3"] : []),
    ...(node && nodeSteps(node).length > 0 ? ["node", managerOf(node)] : []),
  ];
  return { name: nameOf(dir, "app"), dir: dir === "." ? null : scalar(dir), needs: needs.join(", "), run: steps };
}

const pythonSteps = ({ hasRequirementsFile }: PythonPart) => [
  "python3 -m venv venv",
  hasRequirementsFile ? "venv/bin/pip install -r requirements.txt" : "venv/bin/pip install .",
];

const MANAGERS = {
  "package-lock.json": "npm",
  "pnpm-lock.yaml": "pnpm",
  "yarn.lock": "yarn",
  "bun.lock": "bun",
} as const;
const INSTALLS = {
  npm: "npm ci",
  pnpm: "pnpm install --frozen-lockfile",
  yarn: "yarn install --frozen-lockfile",
  bun: "bun install --frozen-lockfile",
};

const managerOf = ({ lockfile }: NodePart) => (lockfile ? MANAGERS[lockfile] : "npm");

function nodeSteps(node: NodePart): string[] {
  const manager = managerOf(node);
  const install = node.lockfile ? INSTALLS[manager] : "npm install";
  return [
    ...(node.dependencies.length > 0 || node.lockfile ? [install] : []),
    ...(node.scripts["build"] ? [`${manager} run build`] : []),
  ];
}

/** The command that starts a part's server; undefined for one that is only built. */
export function runOf({ node, python, isStatic, dir }: Part, parts: Part[]): string | undefined {
  if (python) return pythonRun(python);
  if (node) return nodeRun(node, dir, parts);
  return isStatic && parts.length === 1 ? "python3 -m http.server ${PORT} --bind 127.0.0.1" : undefined;
}

function pythonRun({ requirements, target, script }: PythonPart): string | undefined {
  const has = (name: string) => requirements.includes(name);
  const factory = target?.endsWith("()") ? target.slice(0, -2) : undefined;
  if (target && has("uvicorn"))
    return `venv/bin/uvicorn ${factory ? `--factory ${factory}` : target} --host 127.0.0.1 --port \${PORT}`;
  if (target && has("gunicorn")) return `venv/bin/gunicorn -b 127.0.0.1:\${PORT} ${factory ? `'${target}'` : target}`;
  return script ? `venv/bin/python ${script}` : undefined;
}

function nodeRun({ scripts, main, dependencies }: NodePart, dir: string, parts: Part[]): string | undefined {
  if (dependencies.includes("next")) return "node_modules/.bin/next start";
  const start = scripts["start"];
  if (start) return /^node [\w./-]+$/.test(start) ? start : "npm start";
  // Beside a server, what Vite builds is served by the proxy.
  if (dependencies.includes("vite"))
    return parts.length === 1 || dir === "."
      ? "node_modules/.bin/vite preview --host 127.0.0.1 --port ${PORT} --strictPort"
      : undefined;
  return main ? `node ${main}` : undefined;
}

/** Vite builds it, and something else serves what it built. */
export const isOnlyBuilt = (node?: NodePart) =>
  node !== undefined &&
  node.dependencies.includes("vite") &&
  !node.scripts["start"] &&
  !node.dependencies.includes("next");
