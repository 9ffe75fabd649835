import type { Part } from "./application.ts";
import type { NodePart } from "./node-part.ts";
import { nameOf, runScalar, scalar, venvOf } from "./part-commands.ts";
import type { PythonPart } from "./python-part.ts";

/** A dependency set of a draft; its values are YAML. */
export interface DraftSet {
  name: string;
  path: string;
  key: string;
  dir: string | null;
  needs: string;
  env: string | null;
  run: string[];
}

/** The packages of a part that are made from its lockfiles alone: they become dependency sets. */
export function setsOf({ dir, node, python }: Part): DraftSet[] {
  const at = (name: string) => (dir === "." ? name : `${dir}/${name}`);
  const name = nameOf(dir, "app");
  const set = (own: Pick<DraftSet, "name" | "needs" | "env" | "run">, place: string, key: string[]): DraftSet => ({
    ...own,
    run: own.run.map(lineScalar),
    path: scalar(at(place)),
    key: key.map((file) => scalar(at(file))).join(", "),
    dir: dir === "." ? null : scalar(dir),
  });
  return [
    ...(python && python.key.length > 0
      ? [
          set(
            {
              name,
              needs: pythonNeeds(python),
              env: python.installer === "poetry" ? 'POETRY_VIRTUALENVS_IN_PROJECT: "true"' : null,
              run: pythonSteps(python),
            },
            venvOf(python),
            python.key,
          ),
        ]
      : []),
    ...(node && node.key.length > 0
      ? [
          set(
            { name: python ? `${name}-node` : name, needs: nodeNeeds(node), env: null, run: ["npm ci"] },
            "node_modules",
            node.key,
          ),
        ]
      : []),
  ];
}

/** A build step of a draft; its values are YAML. */
export interface DraftStep {
  name: string;
  dir: string | null;
  needs: string;
  inputs: string | null;
  outputs: string | null;
  run: string[];
}

/** The build step of a part; undefined where there is nothing to build. */
export function buildOf({ dir, node, python }: Part): DraftStep | undefined {
  const own = python && python.key.length === 0 ? python : undefined;
  const ofNode = node ? nodeSteps(node) : [];
  const steps = [...(own ? pythonSteps(own) : []), ...ofNode];
  if (steps.length === 0) return undefined;
  const needs = [...(own ? [pythonNeeds(own)] : []), ...(node && ofNode.length > 0 ? [nodeNeeds(node)] : [])];
  // A step of two tools, or of packages from elsewhere, reads more than its own folder.
  const outputs = node?.isWhole && node.output !== undefined && !own ? outputsOf(node, dir) : undefined;
  return {
    name: nameOf(dir, "app"),
    dir: dir === "." ? null : scalar(dir),
    needs: needs.join(", "),
    inputs: outputs ? scalar(dir) : null,
    outputs: outputs ?? null,
    run: steps.map(lineScalar),
  };
}

const outputsOf = ({ output = "", key }: NodePart, dir: string) =>
  [output, ...(key.length > 0 ? [] : ["node_modules"])]
    .map((place) => scalar(dir === "." ? place : `${dir}/${place}`))
    .join(", ");

const need = (name: string, range: string) => scalar(`${name}${range}`);

const pythonNeeds = ({ range, installer }: PythonPart) =>
  [need("python3", range), ...(installer === "uv" || installer === "poetry" ? [installer] : [])].join(", ");

function pythonSteps(python: PythonPart): string[] {
  const { installer, key } = python;
  const alone = key.length > 0;
  if (installer === "uv")
    return [`uv sync --frozen --no-dev${alone ? " --no-install-project" : ""} --python "$PYTHON3"`];
  const make = `"$PYTHON3" -m venv ${venvOf(python)}`;
  if (installer === "poetry") {
    const prefix = alone ? "" : "POETRY_VIRTUALENVS_IN_PROJECT=true ";
    return [make, `${prefix}poetry install --only main${alone ? " --no-root" : ""}`];
  }
  return [make, installer === "requirements" ? "venv/bin/pip install -r requirements.txt" : "venv/bin/pip install ."];
}

/** A line of a script as YAML. */
const lineScalar = (line: string) => (line.includes('"') && !line.includes("'") ? `'${line}'` : runScalar(line));

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

const nodeNeeds = (node: NodePart) => `${need("node", node.range)}, ${managerOf(node)}`;

function nodeSteps(node: NodePart): string[] {
  const manager = managerOf(node);
  const install = node.lockfile ? INSTALLS[manager] : "npm install";
  const isInstalled = node.key.length > 0 || (node.dependencies.length === 0 && !node.lockfile);
  return [...(isInstalled ? [] : [install]), ...(node.scripts["build"] ? [`${manager} run build`] : [])];
}

/** What brings a part's database to a release's schema, as a draft proposes it. */
export interface DraftMigration {
  tool: string;
  dir: string | null;
  run: string;
  /** Null where nothing prints the revision: of SQLite it is told from the tables. */
  marker: string | null;
}

/** The migrations that a part has; undefined for none. */
export function migrationOf({ dir, node, python }: Part): DraftMigration | undefined {
  const found = python?.migration ?? node?.migration;
  if (!found) return undefined;
  const lines = MIGRATIONS[found](python ? `${venvOf(python)}/bin` : "node_modules/.bin");
  return {
    tool: found,
    dir: dir === "." ? null : scalar(dir),
    run: lineScalar(lines.run),
    marker: lines.marker ?? null,
  };
}

const MIGRATIONS: Record<
  NonNullable<PythonPart["migration"] | NodePart["migration"]>,
  (bin: string) => { run: string; marker?: string }
> = {
  alembic: (bin) => ({ run: `${bin}/alembic upgrade head`, marker: `${bin}/alembic current` }),
  django: (bin) => ({
    run: `${bin}/python manage.py migrate --noinput`,
    marker: `${bin}/python manage.py showmigrations --plan | sed -n 's/^\\[X\\] *//p' | sha256sum | cut -c 1-16`,
  }),
  prisma: (bin) => ({ run: `${bin}/prisma migrate deploy` }),
  knex: (bin) => ({ run: `${bin}/knex migrate:latest`, marker: `${bin}/knex migrate:currentVersion` }),
};
