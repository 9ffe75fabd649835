import fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../../scripts/registry/database.ts";
import { Journal } from "../../scripts/registry/journal.ts";
import type { ReleaseStatus } from "../../scripts/release/status.ts";
import type { ServicesStatus } from "../../scripts/service/status.ts";
import { freePort, makeHost } from "./host.ts";

const bun = path.resolve(import.meta.dirname, "../../ops/_bun");
const port = await freePort();
const services = (more = "") => `drain: { run: test ! -e busy, every: 20ms, timeout: 100ms, then: abort }
smoke: [{ url: "http://127.0.0.1:${port}/", expect: { status: 200 } }]
services:
  web: { run: "'${bun}' server.ts", port: ${port}, health: { path: /, every: 20ms, timeout: 10s, soak: 100ms }, restart: always }
  worker: { run: "'${bun}' server.ts", stderr: log/worker.err }
${more}`;
const host = makeHost(services());
const manifest = fs.readFileSync(host.at("app/deploy.yaml"), "utf8");
const server = `import http from "node:http";
console.log("up as", process.env.RELEASE_ID);
console.error("complaint of", process.env.RELEASE_ID);
http.createServer((_, answer) => answer.end("ok")).listen(Number(process.env.PORT ?? 0), "127.0.0.1");
`;

beforeAll(() => {
  host.write("server.ts", server);
  fs.mkdirSync(host.at("app/log"));
  fs.writeFileSync(host.at("app/log/.keep"), "");
  host.git("add", "-A");
  host.git("commit", "-qm", "Server");
  for (const id of ["v1", "v2"]) host.must("release/deploy", "--id", id);
});
afterAll(() => host.clear());

const status = () => ({ code: host.run("release/status").code, found: host.json("release/status") as ReleaseStatus });
const pidOf = (service: string) => Number(fs.readFileSync(host.tree("run", `${service}.pid`), "utf8").split("\n")[0]);

test("what serves, since when, and where a rollback goes", () => {
  const { code, found } = status();
  expect(code).toBe(0);
  expect(found).toMatchObject({
    app: "demo",
    environment: null,
    deploy_to: host.tree(),
    is_serving: true,
    current: {
      release_id: "v2",
      commit_sha: host.git("rev-parse", "HEAD"),
      ref: "HEAD",
      status: "deployed",
      path: host.release("v2"),
    },
    rollback_target: "v1",
    open_operations: [],
    last_operation: { kind: "deploy", outcome: "done" },
  });
  expect(Math.abs(Date.now() - Date.parse(found.current?.since ?? ""))).toBeLessThan(600_000);
  expect(found.disk?.free_bytes).toBeGreaterThan(0);
  expect(found.disk?.total_bytes).toBeGreaterThan(found.disk?.free_bytes ?? Number.POSITIVE_INFINITY);
});

test("each service's state, pid, port, URL, release, start and log", () => {
  const { code, out } = host.run("service/status", ["--json"]);
  const { services: found, is_serving, current, notes } = JSON.parse(out) as ServicesStatus;
  expect([code, is_serving, current]).toEqual([0, true, "v2"]);
  expect(status().found.services.map(({ pid }) => pid)).toEqual(found.map(({ pid }) => pid));
  expect(found[0]).toMatchObject({
    service: "web",
    state: "running",
    pid: pidOf("web"),
    port,
    url: `http://127.0.0.1:${port}`,
    release_id: "v2",
    logs: [host.tree("logs/web.log")],
    is_wanted: true,
    problem: null,
  });
  expect(Date.parse(found[0]?.started_at ?? "")).toBeLessThanOrEqual(Date.now());
  expect(found[1]).toMatchObject({
    service: "worker",
    port: null,
    url: null,
    logs: [host.tree("logs/worker.log"), host.tree("current/log/worker.err")],
  });
  expect(notes).toEqual([expect.stringMatching(/^web: restart is not done by the pidfile supervisor/)]);
});

test("a person reads it in lines that fit a terminal", () => {
  const lines = host.must("release/status").split("\n");
  expect(lines[0]).toBe("demo serves v2");
  expect(lines).toContainEqual(expect.stringMatching(/^● web {5}running {2}pid \d+, up \d+ s, from v2$/));
  expect(lines).toContainEqual(expect.stringMatching(/^ {2}rollback +goes to v1$/));
  expect(lines).toContainEqual(`          http://127.0.0.1:${port}`);
});

test("a service that died is a no, and is told from one that was stopped", () => {
  process.kill(pidOf("worker"), "SIGKILL");
  const { code, found } = status();
  expect([code, found.is_serving]).toEqual([1, false]);
  expect(found.services[1]).toMatchObject({
    state: "died",
    pid: null,
    problem: expect.stringContaining("ops/service/logs.ts worker"),
  });
  expect(host.run("service/status", ["web"]).code).toBe(0);
  expect(host.run("service/status", ["worker"]).code).toBe(1);
  host.must("service/start", "worker");
  host.must("service/stop", "worker");
  expect(status().found.services[1]).toMatchObject({
    state: "stopped",
    problem: expect.stringContaining("ops/service/start.ts worker"),
  });
  expect(host.run("service/status", ["nope"]).code).toBe(2);
  host.must("service/start");
  expect(status().code).toBe(0);
});

test("a service that runs from another release is a no", () => {
  fs.unlinkSync(host.tree("current"));
  fs.symlinkSync(host.release("v1"), host.tree("current"));
  const { code, found } = status();
  const text = host.run("release/status").out;
  fs.unlinkSync(host.tree("current"));
  const none = status();
  fs.symlinkSync("releases/v2", host.tree("current"));
  expect(code).toBe(1);
  expect(found.services[0]).toMatchObject({
    release_id: "v2",
    problem: expect.stringContaining("v1 is current, and it runs from v2"),
  });
  expect(text).toMatch(/registry +has it as replaced; the next command/);
  expect(none).toMatchObject({ code: 1, found: { is_serving: false, current: null } });
  expect(status().code).toBe(0);
});

test("a manifest that was edited since then says nothing about what serves", () => {
  host.write("deploy.yaml", manifest.replace("  worker:", "  other:"));
  const { code, found } = status();
  host.write("deploy.yaml", manifest);
  expect([code, found.services.map(({ service }) => service)]).toEqual([0, ["web", "worker"]]);
});

test("a service that still runs and is no longer wanted is told", () => {
  const kept = host.tree("manifests/v2.yaml");
  const text = fs.readFileSync(kept, "utf8");
  fs.writeFileSync(kept, text.replace(/^ {2}worker:.*\n/m, ""));
  const { code, found } = status();
  fs.writeFileSync(kept, "not: a manifest\n");
  const unreadable = status();
  fs.writeFileSync(kept, text);
  expect(code).toBe(0);
  expect(found.services[1]).toMatchObject({
    service: "worker",
    is_wanted: false,
    problem: expect.stringContaining("ops/service/stop.ts worker"),
  });
  expect(unreadable).toMatchObject({
    code: 0,
    found: { notes: [expect.stringContaining("the manifest kept for v2 cannot be read"), expect.anything()] },
  });
});

test("an operation that is at work, or was interrupted, is told", () => {
  const database = openDatabase(host.tree("registry.db"));
  new Journal(database, "20261120-000000-build-live").begin("build", []);
  const atWork = host.run("release/status");
  database.exec("UPDATE operations SET pid = 4194300 WHERE finished_at IS NULL");
  const cut = host.run("release/status");
  const { found } = status();
  database.exec("DELETE FROM operations WHERE finished_at IS NULL");
  database.close();
  expect(atWork).toMatchObject({ code: 0, out: expect.stringContaining("at work now") });
  expect(cut).toMatchObject({ code: 0, out: expect.stringContaining("ops/release/recover.ts") });
  expect(found.open_operations).toMatchObject([{ kind: "build", outcome: "interrupted", pid: 4194300 }]);
  expect(found.last_operation).toMatchObject({ kind: "start" });
});

test("a link that leads nowhere, or is none, is told", () => {
  fs.renameSync(host.tree("current"), host.tree("kept"));
  fs.symlinkSync("releases/v9", host.tree("current"));
  const nowhere = host.run("release/status");
  fs.unlinkSync(host.tree("current"));
  fs.mkdirSync(host.tree("current"));
  const directory = host.run("release/status");
  fs.rmdirSync(host.tree("current"));
  fs.renameSync(host.tree("kept"), host.tree("current"));
  expect(nowhere).toMatchObject({
    code: 1,
    out: expect.stringContaining("current leads to releases/v9, which is no release"),
  });
  expect(directory).toMatchObject({ code: 1, out: expect.stringContaining("current is a real directory") });
});

test("before anything is there", () => {
  const other = makeHost();
  expect(other.run("release/status")).toMatchObject({ code: 1, out: expect.stringContaining("nothing is deployed") });
  expect(other.run("service/status").code).toBe(1);
  expect(fs.existsSync(other.tree())).toBe(false);
  other.clear();
});

test("the health check proves the current release, and says what it saw", () => {
  const line = host.must("release/health_check", "--release", "v2");
  expect(line).toMatch(
    /^v2 is healthy: web \(pid \d+\), worker \(pid \d+\), 2 good answers in a row over 0\.10 s, \d\.\d\d s in all\n$/,
  );
  expect(line).toContain(`web (pid ${pidOf("web")})`);
  expect(host.json("release/health_check", "--smoke", "--recorded")).toMatchObject({
    release_id: "v2",
    is_healthy: true,
    healthy: 2,
    smoke_requests: 1,
  });
  expect(host.run("release/health_check", ["--release", "v1"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("v1 is not current: v2 is"),
  });
});

test("the health check says no with the last lines of the services", () => {
  host.must("service/stop", "worker");
  const { code, err } = host.run("release/health_check");
  host.must("service/start");
  expect(code).toBe(1);
  expect(err).toMatch(
    /not healthy: worker (?:is not running|died before the gate began)[^]*last lines of web:\n.*\n? *complaint of v2|up as v2/,
  );
});

test("it waits until the application is idle, as drain says", () => {
  expect(host.must("release/health_check", "--until-idle", "--release", "v2")).toMatch(/^v2 is idle, after \d/);
  fs.writeFileSync(host.release("v2", "busy"), "");
  const { code, err } = host.run("release/health_check", ["--until-idle"]);
  fs.unlinkSync(host.release("v2", "busy"));
  expect([code, err]).toEqual([1, expect.stringContaining("not idle after 0.10 s")]);
});

test("what is not deployed is not healthy", () => {
  const other = makeHost();
  expect(other.run("release/health_check").code).toBe(1);
  expect(other.run("release/health_check", ["--release", "v1"]).code).toBe(2);
  other.clear();
});
