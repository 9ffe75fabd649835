import path from "node:path";
import * as z from "zod";
import { UsageError } from "../core/errors.ts";
import type { ApplicationFacts, NodePart, Part, PythonPart } from "./application.ts";
import { renderTemplate } from "../render/template.ts";

export interface DraftOptions {
  app?: string | undefined;
  deployTo?: string | undefined;
  port?: number | undefined;
  run?: string | undefined;
}

const text = z.string();
const input = z.strictObject({
  schema: text.nullable(),
  app: text,
  deployTo: text,
  isGit: z.boolean(),
  exclude: text,
  files: z.array(text),
  directories: z.array(text),
  build: z.array(z.strictObject({ name: text, dir: text.nullable(), needs: text, run: z.array(text) })),
  alembic: text.nullable(),
  database: text.nullable(),
  services: z.array(
    z.strictObject({
      name: text,
      run: text,
      dir: text.nullable(),
      envFile: text.nullable(),
      port: z.number(),
      health: text.nullable(),
    }),
  ),
  port: z.number(),
});

/** A first `deploy.yaml` for what was found; pure. */
export function renderDraft(facts: ApplicationFacts, options: DraftOptions): string {
  const app = appOf(facts, options);
  const envFiles = envEntries(facts.parts);
  const loose = facts.databases.filter((file) => !facts.dataDirs.some((dir) => file.startsWith(`${dir}/`)));
  const alembic = facts.parts.find(({ python }) => python?.hasAlembic);
  return renderTemplate("manifests/deploy.yaml", input, {
    schema: facts.packagePath === undefined ? null : `${facts.packagePath}/templates/deploy.schema.json`,
    app,
    deployTo: scalar(options.deployTo ?? `~/${app}-deploy`),
    isGit: facts.isGit,
    exclude: ["node_modules", ...(facts.parts.some(({ python }) => python) ? ["venv"] : [])].join(", "),
    files: [...envFiles, ...loose.map((file) => `{ path: ${scalar(file)}, optional: true }`)],
    directories: facts.dataDirs.map(scalar),
    build: facts.parts.flatMap((part) => buildOf(part) ?? []),
    alembic: alembic?.dir ?? null,
    database: facts.databases[0] === undefined ? null : scalar(facts.databases[0]),
    services: servicesOf(facts.parts, options),
    port: options.port ?? NODE_PORT,
  });
}

const APP = /^[a-z][a-z0-9-]{0,62}$/;

function appOf({ folder, parts }: ApplicationFacts, { app }: DraftOptions): string {
  if (app !== undefined && !APP.test(app))
    throw new UsageError(`--app ${app}: a name of small letters, digits and - that starts with a letter is wanted`, {
      next: "ops/host/init.ts --app my-app",
    });
  const named = app ?? parts.find(({ dir, node }) => dir === "." && node?.name)?.node?.name ?? path.basename(folder);
  const tidy = named
    .replace(/^@[^/]*\//, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .replace(/-+$/, "")
    .slice(0, 63);
  return tidy || "app";
}

/** As YAML: bare where that cannot be taken for anything else. */
const scalar = (value: string) =>
  /^[A-Za-z/~.][A-Za-z0-9_/.@-]*$/.test(value) && !/^(true|false|null|yes|no|on|off|~)$/i.test(value)
    ? value
    : JSON.stringify(value);

const inPart = (dir: string, name: string) => (dir === "." ? name : `${dir}/${name}`);

function envEntries(parts: Part[]): string[] {
  return parts.flatMap(({ dir, envFile }) => {
    if (!envFile) return [];
    const from = envFile.name === ".env" ? "" : `, from: ${scalar(inPart(dir, envFile.name))}`;
    return [`{ path: ${scalar(inPart(dir, ".env"))}${from}, mode: "0600" }`];
  });
}

const NODE_PORT = 3001;
const PYTHON_PORT = 8001;

const nameOf = (dir: string, root: string) =>
  dir === "."
    ? root
    : dir
        .toLowerCase()
        .replaceAll(/[^a-z0-9_-]/g, "-")
        .replace(/^[^a-z]+/, "") || root;

function buildOf({
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

function servicesOf(parts: Part[], options: DraftOptions) {
  const found = parts.flatMap((part) => {
    const run = runOf(part, parts);
    return run ? [{ part, run }] : [];
  });
  const root: Part = parts.find(({ dir }) => dir === ".") ?? { dir: ".", isStatic: false, hasEnvExample: false };
  const chosen = options.run === undefined ? found : [{ part: root, run: options.run }];
  const taken = new Set<number>();
  return chosen.map(({ part, run }, index) => {
    const port = freePort(
      (index === 0 ? options.port : undefined) ?? part.envFile?.port ?? (part.python ? PYTHON_PORT : NODE_PORT),
      taken,
    );
    return {
      name: nameOf(part.dir, "web"),
      run: runScalar(run),
      dir: part.dir === "." ? null : scalar(part.dir),
      envFile: part.envFile ? scalar(inPart(part.dir, ".env")) : null,
      port,
      health: part.healthPath ?? null,
    };
  });
}

function freePort(wanted: number, taken: Set<number>): number {
  let port = wanted;
  while (taken.has(port)) port++;
  taken.add(port);
  return port;
}

/** Words of a command line; what YAML could take for more is quoted. */
const runScalar = (run: string) =>
  /^[A-Za-z/.][A-Za-z0-9_/.@$}{ =:-]*$/.test(run) && !/: |:$| #/.test(run) && !run.endsWith(" ")
    ? run
    : JSON.stringify(run);

/** The command that starts a part's server; undefined for one that is only built. */
function runOf({ node, python, isStatic, dir }: Part, parts: Part[]): string | undefined {
  if (python) return pythonRun(python);
  if (node) return nodeRun(node, dir, parts);
  return isStatic && parts.length === 1 ? "python3 -m http.server ${PORT} --bind 127.0.0.1" : undefined;
}

function pythonRun({ requirements, target, script }: PythonPart): string | undefined {
  const has = (name: string) => requirements.includes(name);
  if (target && has("uvicorn")) return `venv/bin/uvicorn ${target} --host 127.0.0.1 --port \${PORT}`;
  if (target && has("gunicorn")) return `venv/bin/gunicorn -b 127.0.0.1:\${PORT} ${target}`;
  return script ? `venv/bin/python ${script}` : undefined;
}

function nodeRun({ scripts, main, dependencies }: NodePart, dir: string, parts: Part[]): string | undefined {
  if (dependencies.includes("next")) return "node_modules/.bin/next start";
  const start = scripts["start"];
  if (start) return /^node [\w./-]+$/.test(start) ? start : "npm start";
  const isOnlyBuilt = dependencies.includes("vite");
  // Beside a server, what Vite builds is served by the proxy.
  if (isOnlyBuilt)
    return parts.length === 1 || dir === "."
      ? "node_modules/.bin/vite preview --host 127.0.0.1 --port ${PORT} --strictPort"
      : undefined;
  return main ? `node ${main}` : undefined;
}
