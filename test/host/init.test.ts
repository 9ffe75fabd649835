import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { observeApplication } from "../../scripts/host/application.ts";
import { type DraftOptions, renderDraft } from "../../scripts/host/draft.ts";
import { init, renderGitignore } from "../../scripts/host/init.ts";
import { refuseLater } from "../../scripts/manifest/later.ts";
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
  refuseLater(loaded);
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
