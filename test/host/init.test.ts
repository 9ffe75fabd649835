import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { observeApplication } from "../../scripts/host/application.ts";
import { type DraftOptions, renderDraft } from "../../scripts/host/draft.ts";
import { init, renderGitignore } from "../../scripts/host/init.ts";
import { rangeOf } from "../../scripts/host/version-range.ts";
import { refuseUnsupported } from "../../scripts/manifest/supervisor-limits.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";

let folder = "";
beforeEach(() => void (folder = fs.mkdtempSync(path.join(os.tmpdir(), "Shop_1-"))));
afterEach(() => fs.rmSync(folder, { recursive: true }));

function put(files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), content);
  }
}

const git = (...words: string[]) => execFileSync("git", ["-C", folder, ...words], { stdio: "pipe" });

/** The draft for what lies in the folder, loaded as any manifest is. */
function draft(options: DraftOptions = {}) {
  const filePath = path.join(folder, "deploy.yaml");
  fs.writeFileSync(filePath, renderDraft(observeApplication(folder), options));
  const loaded = loadManifest({ filePath, env: { HOME: "/home/ann" } });
  refuseUnsupported(loaded);
  return loaded.manifest;
}

describe("a draft loads, and this version can carry it out", () => {
  test("an empty folder", () => {
    const manifest = draft();
    expect(manifest.app).toMatch(/^shop-1-/);
    expect(manifest.source.via).toBe("worktree");
    expect(manifest.services).toEqual({});
  });

  test("a Node server", () => {
    put({
      "package.json": '{"name":"@me/Shop","scripts":{"start":"node server.js"},"dependencies":{"x":"1"}}',
      "server.js": 'if (url === "/healthz") ok()',
      "package-lock.json": "{}",
    });
    git("init", "-q");
    const { app, deploy_to, source, build, services } = draft();
    expect({ app, deploy_to, via: source.via }).toEqual({
      app: "shop",
      deploy_to: "/home/ann/shop-deploy",
      via: "git",
    });
    expect(build["app"]).toMatchObject({ needs: ["node", "npm"], run: ["npm ci"] });
    expect(services["web"]).toMatchObject({ run: "node server.js", port: 3001, health: { path: "/healthz" } });
  });

  test("FastAPI with Alembic beside Next.js (seed 002)", () => {
    put({
      "backend/requirements.txt": "fastapi==0.1\nuvicorn[standard]\n",
      "backend/app/main.py": "app = FastAPI()\n",
      "backend/alembic.ini": "",
      "backend/.env": "PORT=8000\n",
      "backend/.env.production": "DATABASE_URL=sqlite:///./prod.db\nPORT=8005\n",
      "backend/prod.db": "",
      "frontend/package.json": '{"scripts":{"build":"next build","start":"next start"},"dependencies":{"next":"15"}}',
      "frontend/package-lock.json": "{}",
    });
    const { services, linked_files, build, database } = draft();
    expect(services["backend"]).toMatchObject({
      run: "venv/bin/uvicorn app.main:app --host 127.0.0.1 --port ${PORT}",
      dir: "backend",
      port: 8005,
      env_file: ["backend/.env"],
    });
    expect(services["frontend"]).toMatchObject({ run: "node_modules/.bin/next start", dir: "frontend", port: 3001 });
    expect(linked_files).toMatchObject([
      { path: "backend/.env", from: "backend/.env.production", mode: 0o600 },
      { path: "backend/prod.db", optional: true },
    ]);
    expect(build["frontend"]?.run).toEqual(["npm ci", "npm run build"]);
    expect(database).toEqual({ sqlite: "backend/prod.db" });
  });

  test("Flask behind Vite: what Vite builds is served by the proxy (seed 003)", () => {
    put({
      "backend/requirements.txt": "Flask\ngunicorn\n",
      "backend/app/__init__.py": "app = Flask(__name__)",
      "frontend/package.json": '{"scripts":{"build":"vite build"},"devDependencies":{"vite":"6"}}',
    });
    const { services, build, sites } = draft();
    expect(Object.keys(services)).toEqual(["backend"]);
    expect(services["backend"]?.run).toBe("venv/bin/gunicorn -b 127.0.0.1:${PORT} app:app");
    expect(build["frontend"]?.run).toEqual(["npm install", "npm run build"]);
    expect(sites["main"]).toMatchObject({
      kind: "nginx",
      root: "frontend/dist",
      spa: true,
      no_store: ["/index.html"],
      immutable: ["/assets/"],
      proxy: { "/api/": { service: "backend" } },
    });
  });

  test("an application that a function makes", () => {
    put({
      "requirements.txt": "flask\ngunicorn\n",
      "app/__init__.py": "def create_app():\n    return Flask(__name__)\n",
    });
    expect(draft().services["web"]?.run).toBe("venv/bin/gunicorn -b 127.0.0.1:${PORT} 'app:create_app()'");
    put({ "requirements.txt": "fastapi\nuvicorn\n" });
    expect(draft().services["web"]?.run).toBe(
      "venv/bin/uvicorn --factory app:create_app --host 127.0.0.1 --port ${PORT}",
    );
  });

  test("the manager that would start it again is a proposal, and nothing has to be installed", () => {
    put({ "package.json": '{"scripts":{"start":"node a.js"}}' });
    const facts = { ...observeApplication(folder), platform: "linux" as const, isRoot: false };
    const proposed = (more: object, options: DraftOptions = {}) =>
      /^# supervisor: (\S+) .*once: (.*)$/m.exec(renderDraft({ ...facts, ...more }, options))?.slice(1);
    expect(draft()).toMatchObject({ supervisor: "pidfile", sites: {}, prune: { schedule: "0 3 * * *" } });
    expect(proposed({})).toEqual(["systemd-user", "sudo loginctl enable-linger $USER; ops/systemd/install_systemd.ts"]);
    expect(proposed({}, { deployTo: "/srv/x" })?.[0]).toBe("systemd");
    expect(proposed({ isRoot: true })?.[0]).toBe("systemd");
    expect(proposed({ platform: "darwin" })).toEqual(["launchd", "ops/launchd/install_launchd.ts"]);
  });

  test("two parts that would listen on one port get two", () => {
    const json = '{"scripts":{"start":"node a.js"}}';
    put({ "api/package.json": json, "web/package.json": json });
    expect(Object.values(draft().services).map(({ port }) => port)).toEqual([3001, 3002]);
  });

  test("odd names and values stay what they are", () => {
    put({ "data #1/package.json": '{"scripts":{"start":"node a.js"}}', "data/x: y.db": "" });
    const { services, database, deploy_to } = draft({
      run: `python3 -c 'print("a: b")' # x`,
      port: 21190,
      deployTo: "/srv/a: b #c",
    });
    expect(services["web"]).toMatchObject({ run: `python3 -c 'print("a: b")' # x`, port: 21190 });
    expect(database).toEqual({ sqlite: "data/x: y.db" });
    expect(deploy_to).toBe("/srv/a: b #c");
  });

  test("data that is committed is code; data that is not is linked", () => {
    put({ "data/seed.json": "{}", "uploads/x.png": "" });
    git("init", "-q");
    git("add", "data");
    expect(draft().linked_dirs.map(({ path: place }) => place)).toEqual(["uploads"]);
  });
});

describe("packages: a set for each lockfile, where the lockfile is all that they need", () => {
  const lock = (packages: object) => JSON.stringify({ lockfileVersion: 3, packages });
  const LEFT = { "node_modules/left": { version: "1.0.0", resolved: "https://registry.example/left.tgz" } };
  const vite = (more: object = {}) =>
    JSON.stringify({ scripts: { build: "vite build" }, devDependencies: { vite: "6" }, ...more });

  test("requirements.txt, with what it includes and the Python that the project names", () => {
    put({
      "requirements.txt": "-r base.txt\nfastapi  # the API\nuvicorn\n-c more/pins.txt\n",
      "base.txt": "--index-url https://pypi.example/simple\nleft==1\n",
      "more/pins.txt": "left==1\n",
      "pyproject.toml": '[project]\nrequires-python = ">= 3.9, <4"\n',
      "main.py": "app = FastAPI()\n",
    });
    const { dependencies, build, services } = draft();
    expect(dependencies["app"]).toMatchObject({
      path: "venv",
      key: ["requirements.txt", "base.txt", "more/pins.txt"],
      needs: ["python3>=3.9,<4"],
      run: ['"$PYTHON3" -m venv venv', "venv/bin/pip install -r requirements.txt"],
    });
    expect(build).toEqual({});
    expect(services["web"]?.run).toMatch(/^venv\/bin\/uvicorn /);
  });

  test.each([
    ["an editable install", "-e .\n"],
    ["a folder", "./lib\n"],
    ["a wheel that lies there", "vendor/left-1.whl\n"],
    ["a package by a file's address", "left @ file:///srv/left\n"],
    ["an included file that is not there", "-r absent.txt\n"],
    ["one from outside of the folder", "-r ../base.txt\n"],
  ])("%s is installed in each release", (_, requirements) => {
    put({ "api/requirements.txt": requirements, "api/main.py": "", "base.txt": "x\n" });
    const { dependencies, build } = draft();
    expect(dependencies).toEqual({});
    expect(build["api"]?.run).toEqual(['"$PYTHON3" -m venv venv', "venv/bin/pip install -r requirements.txt"]);
  });

  test("uv's and poetry's lockfiles; without one, the project itself is what is installed", () => {
    const project = (python: string) => `[tool.poetry.dependencies]\npython = "${python}"\nuvicorn = "1"\n`;
    put({
      "a/pyproject.toml": '[project]\nrequires-python = "~=3.11"\n',
      "a/uv.lock": "",
      "b/pyproject.toml": project("^3.11"),
      "b/poetry.lock": "",
      "b/main.py": "app = FastAPI()\n",
      "c/pyproject.toml": "",
      "c/.python-version": "3.12.4\n",
      "d/pyproject.toml": '[tool.uv.sources]\nleft = { path = "../left" }\n',
      "d/uv.lock": "",
    });
    const { dependencies, build, services } = draft();
    expect(dependencies).toMatchObject({
      a: { path: "a/.venv", key: ["a/pyproject.toml", "a/uv.lock"], needs: ["python3>=3.11,<4", "uv"] },
      b: { path: "b/.venv", key: ["b/pyproject.toml", "b/poetry.lock"], needs: ["python3>=3.11,<4", "poetry"] },
    });
    expect(dependencies["a"]?.run).toEqual(['uv sync --frozen --no-dev --no-install-project --python "$PYTHON3"']);
    expect(dependencies["b"]?.env).toEqual({ POETRY_VIRTUALENVS_IN_PROJECT: "true" });
    expect(services["b"]?.run).toMatch(/^\.venv\/bin\/uvicorn /);
    expect(Object.keys(build)).toEqual(["c", "d"]);
    expect(build["c"]).toMatchObject({
      needs: ["python3>=3.12.4,<3.13"],
      run: expect.arrayContaining([expect.stringMatching(/install \.$/)]),
    });
    expect(build["d"]?.run).toEqual(['uv sync --frozen --no-dev --python "$PYTHON3"']);
  });

  test("node_modules, and what Vite builds of its own folder", () => {
    put({
      "web/package.json": vite({ engines: { node: "^20.1" } }),
      "web/package-lock.json": lock(LEFT),
      "web/.npmrc": "fund=false\n",
      "web/vite.config.ts": "export default {}\n",
    });
    const { dependencies, build } = draft();
    expect(dependencies["web"]).toMatchObject({
      path: "web/node_modules",
      key: ["web/package.json", "web/.npmrc", "web/package-lock.json"],
      dir: "web",
      needs: ["node>=20.1,<21", "npm"],
      run: ["npm ci"],
    });
    expect(build["web"]).toMatchObject({ inputs: ["web"], outputs: ["web/dist"], run: ["npm run build"] });
  });

  test("Next's node_modules stays in the release; both are outputs of its step", () => {
    put({
      "package.json": '{"scripts":{"build":"next build"},"dependencies":{"next":"16"}}',
      "package-lock.json": lock(LEFT),
    });
    const { dependencies, build } = draft();
    expect(dependencies).toEqual({});
    expect(build["app"]).toMatchObject({
      inputs: ["."],
      outputs: [".next", "node_modules"],
      run: ["npm ci", "npm run build"],
    });
  });

  test.each([
    ["a package of the repository", { "packages/a": {}, "node_modules/a": { link: true, resolved: "packages/a" } }, {}],
    ["a package from beside the repository", { ...LEFT, "node_modules/a": { link: true, resolved: "../a" } }, {}],
    ["a file: package", { "node_modules/a": { resolved: "file:a.tgz" } }, {}],
    ["no package at all", {}, {}],
    ["workspaces", LEFT, { workspaces: ["a"] }],
  ])("%s: installed and built in each release", (_, packages, more) => {
    put({ "web/package.json": vite(more), "web/package-lock.json": lock(packages) });
    const { dependencies, build } = draft();
    expect(dependencies).toEqual({});
    expect(build["web"]).toMatchObject({ inputs: [], outputs: [], run: ["npm ci", "npm run build"] });
  });

  test("an install script, or Prisma's client, needs the application: no set, and Vite's outputs are known all the same", () => {
    put({ "web/package-lock.json": lock(LEFT) });
    for (const more of [
      { scripts: { build: "vite build", postinstall: "node x.js" } },
      { dependencies: { "@prisma/client": "6" } },
    ]) {
      put({ "web/package.json": vite(more) });
      const { dependencies, build } = draft();
      expect(dependencies).toEqual({});
      expect(build["web"]?.outputs).toEqual(["web/dist", "web/node_modules"]);
    }
  });

  test("where the output goes is not guessed", () => {
    put({
      "web/package.json": vite(),
      "web/package-lock.json": lock(LEFT),
      "web/vite.config.js": "{ build: { outDir: '../x' } }",
    });
    expect(draft().build["web"]).toMatchObject({ inputs: [], outputs: [] });
    put({ "web/vite.config.js": "", "web/package.json": vite({ scripts: { build: "vite build --outDir x" } }) });
    expect(draft().build["web"]).toMatchObject({ inputs: [], outputs: [] });
  });

  test("a lockfile that git ignores is in no release", () => {
    git("init", "-q");
    put({ "package.json": vite(), "package-lock.json": lock(LEFT), ".gitignore": "package-lock.json\n" });
    const { dependencies, build } = draft();
    expect(dependencies).toEqual({});
    expect(build["app"]?.run[0]).toBe("npm install");
  });
});

describe("a migration and a server's database are proposals: comments that are right once their marks are taken away", () => {
  /** The draft with the commented blocks `keys` made live. */
  function proposed(...keys: string[]) {
    const text = renderDraft(observeApplication(folder), {});
    const live = keys.reduce(
      (all, key) =>
        all.replace(new RegExp(`^# ${key}:.*\n(?:# {3}.*\n)*`, "m"), (block) => block.replaceAll(/^# /gm, "")),
      text,
    );
    const filePath = path.join(folder, "deploy.yaml");
    const load = (content: string) => {
      fs.writeFileSync(filePath, content);
      return loadManifest({ filePath, env: { HOME: "/home/ann" } }).manifest;
    };
    expect(load(text).migrate).toBeUndefined();
    return load(live);
  }

  test("Alembic on SQLite", () => {
    put({ "api/requirements.txt": "uvicorn", "api/alembic.ini": "", "data/app.db": "" });
    expect(proposed("migrate", "backups")).toMatchObject({
      migrate: { dir: "api", run: ["venv/bin/alembic upgrade head"], marker: ["venv/bin/alembic current"] },
      database: { sqlite: "data/app.db" },
      backups: { keep: { daily: 7 } },
    });
  });

  test("Django on PostgreSQL", () => {
    put({ "requirements.txt": "django\npsycopg[binary]\n", "manage.py": "import django" });
    const { migrate, database } = proposed("migrate", "database");
    expect(migrate?.run).toEqual(["venv/bin/python manage.py migrate --noinput"]);
    expect(database?.backup?.[0]).toContain('pg_dump --format=custom --file="$BACKUP_FILE"');
    expect(database?.prove).toBeDefined();
  });

  test("Prisma and Knex, where their files are, too", () => {
    const json = (name: string) => JSON.stringify({ dependencies: { [name]: "1", mongodb: "1" } });
    put({ "package.json": json("knex") });
    expect(proposed("migrate").migrate).toBeUndefined();
    put({ "knexfile.js": "" });
    expect(proposed("migrate", "database")).toMatchObject({
      migrate: { run: ["node_modules/.bin/knex migrate:latest"] },
      database: { prove: [expect.stringContaining("--dryRun")] },
    });
    put({ "package.json": json("prisma"), "prisma/schema.prisma": "" });
    expect(proposed("migrate").migrate).toMatchObject({ run: ["node_modules/.bin/prisma migrate deploy"] });
  });
});

test.each([
  ["^20.1", ">=20.1,<21"],
  ["20.x", ">=20,<21"],
  ["20", ">=20,<21"],
  [">=18 <23", ">=18,<23"],
  ["==3.11.*", ">=3.11,<3.12"],
  ["~=3.11.2", ">=3.11.2,<3.12"],
  ["~3.11", ">=3.11,<3.12"],
  [">= 3.9, <4", ">=3.9,<4"],
  ["18 || 20", ""],
  ["lts/*", ""],
  ["", ""],
])("the range %j is %j", (text, range) => expect(rangeOf(text)).toBe(range));

test("a wrong option is refused before anything is written", async () => {
  await expect(init(folder, { app: "No!" })).rejects.toMatchObject({ exit: 2 });
  await expect(init(folder, { port: "0" })).rejects.toMatchObject({ exit: 2 });
  await expect(init(folder, { port: "21 190" })).rejects.toMatchObject({ exit: 2 });
  await expect(init(path.join(folder, "absent"), {})).rejects.toMatchObject({ exit: 2 });
  expect(fs.readdirSync(folder)).toEqual([]);
});

test(".env.example has the names and no value, and an existing one stays", async () => {
  put({
    ".env": "# hush\nSECRET=canary-1\nMULTI='canary-2\ncanary-3'\n",
    "api/package.json": "{}",
    "api/.env": "A=canary-4\n",
    "api/.env.example": "A=mine\n",
  });
  await init(folder, {});
  expect(fs.readFileSync(path.join(folder, ".env.example"), "utf8")).toBe("SECRET=\nMULTI=\n");
  expect(fs.readFileSync(path.join(folder, "api/.env.example"), "utf8")).toBe("A=mine\n");
  const written = fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => !name.endsWith(".env"));
  for (const name of written) {
    const file = path.join(folder, name);
    if (fs.statSync(file).isFile()) expect(fs.readFileSync(file, "utf8"), name).not.toContain("canary");
  }
});

test(".gitignore gets what is missing, once", () => {
  put({ ".env": "A=1\n", "data/a.db": "", "b.db": "", ".gitignore": "node_modules\n/data" });
  const first = renderGitignore(observeApplication(folder)) as string;
  expect(first).toBe(
    "node_modules\n/data\n# Settings, secrets and data are no part of a release.\n.env\n/b.db\n/b.db-*\n",
  );
  put({ ".gitignore": first });
  expect(renderGitignore(observeApplication(folder))).toBeUndefined();
});
