import type { Part } from "./application.ts";
import type { NodePart } from "./node-part.ts";
import type { PythonPart } from "./python-part.ts";

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

/** Where a part's Python environment lies in it. */
export const venvOf = ({ installer }: PythonPart) => (installer === "uv" || installer === "poetry" ? ".venv" : "venv");

/** The command that starts a part's server; undefined for one that is only built. */
export function runOf({ node, python, isStatic, dir }: Part, parts: Part[]): string | undefined {
  if (python) return pythonRun(python);
  if (node) return nodeRun(node, dir, parts);
  return isStatic && parts.length === 1 ? "python3 -m http.server ${PORT} --bind 127.0.0.1" : undefined;
}

function pythonRun(python: PythonPart): string | undefined {
  const { requirements, target, script } = python;
  const bin = `${venvOf(python)}/bin`;
  const has = (name: string) => requirements.includes(name);
  const factory = target?.endsWith("()") ? target.slice(0, -2) : undefined;
  if (target && has("uvicorn"))
    return `${bin}/uvicorn ${factory ? `--factory ${factory}` : target} --host 127.0.0.1 --port \${PORT}`;
  if (target && has("gunicorn")) return `${bin}/gunicorn -b 127.0.0.1:\${PORT} ${factory ? `'${target}'` : target}`;
  return script ? `${bin}/python ${script}` : undefined;
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
