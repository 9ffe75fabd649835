import { join } from "node:path";
import { expect, test } from "vitest";
import { RELEASE_ID } from "../../manifest.schema.ts";
import { durationMs } from "../../scripts/manifest/duration.ts";
import { HEAD, load } from "./manifests.ts";

test("durations become milliseconds", () => {
  expect(["300ms", "5s", "2m", "1h", "7d", "0s", "1.5s"].map(durationMs)).toEqual([
    300, 5000, 120_000, 3_600_000, 604_800_000, 0, 1500,
  ]);
  expect(["", "5", "s", "5 s", "-5s", "5s5s"].map(durationMs)).toEqual(Array(6).fill(Number.NaN));
});

test("a manifest of two keys gets every default", () => {
  const { manifest, basePath } = load(HEAD);
  expect(manifest).toEqual({
    app: "demo",
    deploy_to: "/srv/demo",
    keep_releases: 5,
    source: { repo: basePath, ref: "HEAD", via: "git", exclude: [] },
    release_id: "timestamp",
    linked_files: [],
    linked_dirs: [],
    dependencies: {},
    build: {},
    build_on: "host",
    services: {},
    smoke: [],
    supervisor: "pidfile",
    sites: {},
    prune: {},
    hooks: {
      before_build: [],
      after_build: [],
      before_switch: [],
      after_switch: [],
      after_rollback: [],
      on_failure: [],
    },
    registry: {},
    environments: {},
  });
});

test("a service gets every default, and its health from a path", () => {
  const { manifest } = load(`${HEAD}services: {api: {run: " gunicorn -w 4 ", port: 8000, health: /h}}\n`);
  expect(manifest.services["api"]).toEqual({
    run: "gunicorn -w 4",
    dir: ".",
    env: {},
    env_file: [],
    env_required: [],
    port: 8000,
    health: { path: "/h", expect: {}, every: 100, timeout: 30_000, healthy: 2, soak: 500 },
    after: [],
    wants: [],
    stop_timeout: 10_000,
    write_paths: [],
  });
});

test("linked entries are spelled out", () => {
  const { manifest } = load(`${HEAD}linked_files:
  - ./backend//.env
  - {path: .env, shared: env, from: .env.production, mode: "0600", optional: true}
`);
  expect(manifest.linked_files).toEqual([
    { path: "backend/.env", shared: "backend/.env", from: "backend/.env", optional: false },
    { path: ".env", shared: "env", from: ".env.production", mode: 0o600, optional: true },
  ]);
});

test("one or several is always a list, and a block of shell stays whole", () => {
  const { manifest } = load(`${HEAD}build:
  a: {run: make, needs: make}
  b:
    run: |
      if true; then
        make
      fi
services: {api: {run: x, env_file: .env, after: db}}
drain: {run: [a, b]}
`);
  expect(manifest.build["a"]).toMatchObject({ run: ["make"], needs: ["make"], dir: "." });
  expect(manifest.build["b"]?.run).toEqual(["if true; then\n  make\nfi"]);
  expect(manifest.services["api"]).toMatchObject({ env_file: [".env"], after: ["db"] });
  expect(manifest.drain).toMatchObject({ run: ["a", "b"], every: 1000, timeout: 300_000 });
  expect(manifest.drain?.then).toBe("abort");
});

test("a smoke request's map is sent as JSON", () => {
  const { manifest } = load(`${HEAD}smoke:
  - {url: "http://x/", body: {by: last, id: 1}}
  - {url: "http://x/", method: PUT, body: plain, headers: {X-A: b}, expect: {status: 201}}
`);
  expect(manifest.smoke).toEqual([
    {
      method: "GET",
      url: "http://x/",
      headers: { "content-type": "application/json" },
      body: '{"by":"last","id":1}',
      expect: {},
    },
    { method: "PUT", url: "http://x/", headers: { "X-A": "b" }, body: "plain", expect: { status: [201] } },
  ]);
});

test("paths become absolute: relative to the file, ~ to the home", () => {
  const { manifest, basePath } = load("app: a\ndeploy_to: ~/tree\nsource: {repo: ../src}\n", {
    env: { HOME: "/home/u" },
  });
  expect(manifest.deploy_to).toBe("/home/u/tree");
  expect(manifest.source.repo).toBe(join(basePath, "../src"));
  expect(load("app: a\ndeploy_to: ../tree\n").manifest.deploy_to).toMatch(/^\/.*\/tree$/);
  for (const remote of ["git@host:a/b.git", "ssh://host/a", "https://host/a"])
    expect(load(`${HEAD}source: {repo: "${remote}"}\n`).manifest.source.repo).toBe(remote);
});

test("DEPLOY_ROOT names no place on another machine; REPO_ROOT is where the source is, here", () => {
  const text = `${HEAD}environments: {prod: {hosts: web1}, dev: {hosts: []}, test: {}}\n`;
  const env = { DEPLOY_ROOT: "/other", REPO_ROOT: "/repo" };
  const { deploy_to } = load(text).manifest;
  expect(load(text, { env, environment: "prod" }).manifest).toMatchObject({ deploy_to, source: { repo: "/repo" } });
  expect(load(text, { env, environment: "dev" }).manifest.deploy_to).toBe("/other");
  expect(load(text, { env, environment: "test" }).manifest.deploy_to).toBe("/other");
});

test("DEPLOY_ROOT and REPO_ROOT win over the file; an empty one counts as unset", () => {
  const set = load(`${HEAD}source: {ref: v1}\n`, { env: { DEPLOY_ROOT: "/other", REPO_ROOT: "/repo" } }).manifest;
  expect([set.deploy_to, set.source.repo, set.source.ref]).toEqual(["/other", "/repo", "v1"]);
  const unset = load(HEAD, { env: { DEPLOY_ROOT: "", REPO_ROOT: "" } });
  expect([unset.manifest.deploy_to, unset.manifest.source.repo]).toEqual(["/srv/demo", unset.basePath]);
});

test("release ids", () => {
  for (const id of ["v2.0.0", "20261120-221530-a1b2c3d", "0012345", "a".repeat(64)]) expect(id).toMatch(RELEASE_ID);
  for (const id of ["", "-x", ".x", "a/b", "..", "a b", "a\n", "a".repeat(65)]) expect(id).not.toMatch(RELEASE_ID);
});
