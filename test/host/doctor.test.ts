import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDatabase } from "../../scripts/registry/database.ts";
import { ElsewhereError } from "../../scripts/core/errors.ts";
import { diagnose, diagnoseHere } from "../../scripts/host/doctor.ts";
import type { Finding } from "../../scripts/doctor/finding.ts";
import { upsertRow } from "../../scripts/registry/releases.ts";

let place = "";
let tree = "";
beforeEach(() => {
  place = fs.mkdtempSync(path.join(os.tmpdir(), "doctor-"));
  tree = path.join(place, "tree");
  fs.mkdirSync(path.join(place, "app"));
});
afterEach(() => fs.rmSync(place, { recursive: true }));

const filePath = () => path.join(place, "app/deploy.yaml");
const manifest = (more: string) => fs.writeFileSync(filePath(), `app: shop\ndeploy_to: ../tree\n${more}`);

function makeTree(): void {
  for (const name of ["releases/r1", "shared", "logs", "run"]) fs.mkdirSync(path.join(tree, name), { recursive: true });
  fs.symlinkSync("releases/r1", path.join(tree, "current"));
  record("r1", "deployed");
}

function record(releaseId: string, status: "deployed" | "replaced", now?: Date): void {
  const database = openDatabase(path.join(tree, "registry.db"));
  upsertRow(database, { releaseId, sha: "a", status }, now);
  database.close();
}

/** Of an environment on other hosts: what can be told here. */
const look = async (options: { env?: string } = {}) =>
  diagnose({ manifest: filePath(), ...options }).catch((error: unknown) => {
    if (error instanceof ElsewhereError) return diagnoseHere(error.loaded);
    throw error;
  });
const of = (findings: Finding[], check: string) =>
  findings.filter((one) => one.check === check).map(({ level, message }) => `${level}: ${message}`);

// A reader of a WAL database makes its index file; nothing else may appear or change.
const snapshot = () =>
  fs
    .readdirSync(place, { recursive: true, encoding: "utf8" })
    .filter((name) => !/registry\.db-(wal|shm)$/.test(name))
    .toSorted()
    .map((name) => {
      const stat = fs.lstatSync(path.join(place, name));
      return [name, stat.mode, stat.isDirectory() ? 0 : stat.mtimeMs];
    });

test("a folder that was only just set up: nothing is wrong, and it says what comes next", async () => {
  manifest("linked_dirs: [data]\n");
  const findings = await look();
  expect(findings.filter(({ level }) => level === "wrong")).toEqual([]);
  expect(findings.find(({ check }) => check === "tree")).toMatchObject({
    level: "note",
    next: ["ops/release/prepare_shared.ts"],
  });
});

test("it looks only", async () => {
  manifest("linked_files: [.env]\n");
  makeTree();
  const before = snapshot();
  await look();
  expect(snapshot()).toEqual(before);
});

test("a manifest that does not load is the one finding", async () => {
  manifest("keep_release: 3\n");
  expect(await look()).toMatchObject([
    { check: "manifest", level: "wrong", message: expect.stringContaining("keep_releases") },
  ]);
});

test("what the supervisor does not do, and what has no effect", async () => {
  manifest('services: { web: { run: node x, restart: always, socket: "127.0.0.1:21150", port: 21151 } }\n');
  const found = of(await look(), "manifest");
  expect(found[0]).toMatch(/^wrong: .*"services.web.socket" is done by supervisor: systemd/s);
  expect(found[1]).toMatch(/^note: web: restart/);
});

describe("the link", () => {
  test("that names a release is well", async () => {
    manifest("");
    makeTree();
    expect(of(await look(), "current")).toEqual(["ok: r1, deployed"]);
  });
  test("that is a directory is named, with what to type", async () => {
    manifest("");
    makeTree();
    fs.rmSync(path.join(tree, "current"));
    fs.mkdirSync(path.join(tree, "current"));
    expect((await look()).find(({ check }) => check === "current")).toMatchObject({
      level: "wrong",
      next: [`mv ${tree}/current ${tree}/current.was-a-directory`],
    });
  });
  test("that leads nowhere, or to a release that is not complete", async () => {
    manifest("");
    makeTree();
    fs.writeFileSync(path.join(tree, "releases/r1/.building"), "{}");
    expect(of(await look(), "current")).toEqual(["wrong: r1 is current and not complete"]);
    fs.rmSync(path.join(tree, "releases/r1"), { recursive: true });
    expect(of(await look(), "current")).toEqual([
      `wrong: ${tree}/current leads to releases/r1, which is no release of this tree`,
    ]);
  });
});

test("an operation whose process is gone was interrupted; one whose process lives is at work", async () => {
  manifest("");
  makeTree();
  const child = spawn("true");
  await once(child, "exit");
  const database = openDatabase(path.join(tree, "registry.db"));
  const insert = database.prepare(
    "INSERT INTO operations (id, kind, arguments, pid, host, user, started_at) VALUES (?, 'switch', '[]', ?, 'h', 'ann', '2026-01-01T00:00:00Z')",
  );
  insert.run("gone", child.pid as number);
  insert.run("works", process.pid);
  database.close();
  const findings = (await look()).filter(({ check }) => check === "operations");
  expect(findings.find(({ message }) => message.startsWith("gone"))).toMatchObject({
    level: "wrong",
    next: ["ops/release/recover.ts"],
  });
  expect(findings.find(({ message }) => message.startsWith("works"))).toMatchObject({ level: "note" });
});

describe("linked files", () => {
  test("that are missing", async () => {
    manifest("linked_files: [.env, { path: b.env, optional: true }]\n");
    makeTree();
    expect(of(await look(), "linked")).toEqual([
      `wrong: ${tree}/shared/.env is not there, and neither is ${place}/app/.env`,
    ]);
  });
  test("that others may read", async () => {
    manifest('linked_files: [.env, { path: key, mode: "0400" }, notes.txt]\n');
    makeTree();
    for (const name of [".env", "key", "notes.txt"])
      fs.writeFileSync(path.join(tree, "shared", name), "", { mode: 0o644 });
    const found = (await look()).filter(({ check }) => check === "linked");
    expect(found.map(({ next }) => next)).toEqual([
      [`chmod 0600 ${tree}/shared/.env`],
      [`chmod 0400 ${tree}/shared/key`],
    ]);
    fs.chmodSync(path.join(tree, "shared/.env"), 0o600);
    fs.chmodSync(path.join(tree, "shared/key"), 0o400);
    expect(of(await look(), "linked")).toEqual(["ok: all 3 are in shared/"]);
  });
});

test("env_required: what is not set, and what is a placeholder; never a value", async () => {
  manifest(
    "linked_files: [.env]\nservices: { web: { run: node x, env_file: .env, env_required: [A, B, C], port: 21151 } }\n",
  );
  for (const name of ["releases", "shared"]) fs.mkdirSync(path.join(tree, name), { recursive: true });
  fs.writeFileSync(path.join(tree, "shared/.env"), "A=canary\nB=your-prod-secret\n", { mode: 0o600 });
  const findings = await look();
  expect(of(findings, "env_required")).toEqual([
    "wrong: services.web: B is still a placeholder",
    "wrong: services.web: C is not set",
  ]);
  expect(JSON.stringify(findings)).not.toMatch(/canary|your-prod/);
});

test("a port that somebody else listens on", async () => {
  const server = net.createServer().listen(21152, "127.0.0.1");
  await once(server, "listening");
  manifest("services: { web: { run: node x, port: 21152 }, free: { run: node x, port: 21153 } }\n");
  const found = of(await look(), "ports");
  server.close();
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(new RegExp(`^wrong: port 21152 of web is used by pid ${process.pid} `));
});

const two = (a: string, b: string) =>
  manifest(`services: { web: { run: node x, port: 21154 } }\nenvironments:\n  a: { ${a} }\n  b: { ${b} }\n`);
const found = async () => of(await look({ env: "a" }), "environments");

describe("environments on one machine", () => {
  test("that share a port, or a tree", async () => {
    two("deploy_to: /srv/a", "deploy_to: /srv/b");
    expect(await found()).toEqual(["wrong: a.web and b.web share port 21154"]);
    two("deploy_to: /srv/a", "deploy_to: /srv/a, services: { web: { port: 21155 } }");
    expect(await found()).toEqual(["wrong: a and b share /srv/a"]);
  });
  test("of which one's tree lies in the other's, or whose logs are one file", async () => {
    two("deploy_to: /srv/a", "deploy_to: /srv/a/b, services: { web: { port: 21155 } }");
    expect((await found())[0]).toMatch(/^wrong: a and b share \/srv\/a/);
    two(
      "deploy_to: /srv/a, services: { web: { stdout: /var/log/x } }",
      "deploy_to: /srv/b, services: { web: { port: 21155, stdout: /var/log/x } }",
    );
    expect(await found()).toEqual(["wrong: a.web and b.web share /var/log/x"]);
  });
  test("whose units, sites or rotated logs would be the same files", async () => {
    const more =
      "supervisor: systemd\nlogs: { max_size: 10m, keep: 3 }\nsites: { main: { kind: nginx, server_name: a.example, root: dist } }\n";
    const write = (b: string) =>
      manifest(`${more}services: { web: { run: node x } }\nenvironments:\n  a: {}\n  b: { deploy_to: /srv/b${b} }\n`);
    write("");
    expect(await found()).toEqual([
      "wrong: a and b share the unit shop-web.service of systemd",
      "wrong: a and b share the file shop-main of nginx",
      "wrong: a and b share /etc/logrotate.d/shop",
    ]);
    write(", app: shop-b");
    expect(await found()).toEqual(["ok: a, b share no port and no path"]);
  });
  test("that share nothing; or live on two machines", async () => {
    two("deploy_to: /srv/a", "deploy_to: /srv/ab, services: { web: { port: 21155 } }");
    expect(await found()).toEqual(["ok: a, b share no port and no path"]);
    two("hosts: one", "hosts: two");
    expect(await found()).toEqual(["ok: a, b share no port and no path"]);
  });
});

test("a clock that went back", async () => {
  manifest("");
  makeTree();
  record("r2", "replaced", new Date(Date.now() + 3_600_000));
  expect(of(await look(), "clock")[0]).toMatch(/^wrong: .*it went back$/);
});

test("a suite in the tree that is not this one", async () => {
  manifest("");
  makeTree();
  expect(of(await look(), "suite")[0]).toMatch(/^wrong: there is no suite in the tree/);
  fs.mkdirSync(path.join(tree, "suite/0.0.1/ops"), { recursive: true });
  fs.writeFileSync(path.join(tree, "suite/0.0.1/package.json"), '{"version":"0.0.1"}');
  fs.symlinkSync("suite/0.0.1/ops", path.join(tree, "ops"));
  expect(of(await look(), "suite")[0]).toMatch(/^wrong: the tree has the suite 0\.0\.1, and this is /);
});
