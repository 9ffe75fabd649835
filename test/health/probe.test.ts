import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Check, probe } from "../../scripts/health/probe.ts";
import { type App, clearAway, freePort, makeTree, startApp } from "./apps.ts";

const at = makeTree();
const apps: Record<string, App> = {};
const MODES = ["ok", "never", "redirecting", "hanging", "endless", "echoing"];
beforeAll(async () => {
  await Promise.all(MODES.map(async (mode) => (apps[mode] = await startApp(at.newPath, mode))));
});
afterAll(() => clearAway(at.tree));

const urlOf = (mode: string) => apps[mode]?.url ?? "";
const hasPassed = (check: Check, limit?: number) => probe(check, new AbortController().signal, limit);

test("2xx is healthy, 503 and a redirect are not", async () => {
  expect(await hasPassed({ url: urlOf("ok") })).toMatchObject({ ok: true, body: "ok from new" });
  expect(await hasPassed({ url: urlOf("never") })).toMatchObject({ ok: false, body: '{"db":"down"}' });
  expect(await hasPassed({ url: urlOf("redirecting") })).toMatchObject({
    ok: false,
    summary: expect.stringContaining("302"),
  });
});

test("the manifest's status replaces 2xx", async () => {
  expect(await hasPassed({ url: urlOf("never"), expect: { status: [204, 503] } })).toMatchObject({ ok: true });
  expect(await hasPassed({ url: urlOf("ok"), expect: { status: 204 } })).toMatchObject({ ok: false });
});

test("the body must contain what is expected", async () => {
  expect(await hasPassed({ url: urlOf("ok"), expect: { body: "from new" } })).toMatchObject({ ok: true });
  const bad = await hasPassed({ url: urlOf("ok"), expect: { body: "from old" } });
  expect(bad).toMatchObject({ ok: false, summary: expect.stringContaining("200 OK in") });
  expect(bad.summary).toContain('without "from old" in its body');
});

test.each(["hanging", "endless"])("an answer is cut at the limit: %s", async (mode) => {
  expect(await hasPassed({ url: urlOf(mode) }, 80)).toMatchObject({
    ok: false,
    summary: expect.stringContaining("no answer in"),
  });
});

test("each attempt has a connection of its own, straight to this machine", async () => {
  process.env["HTTP_PROXY"] = process.env["http_proxy"] = `http://127.0.0.1:${await freePort()}`;
  try {
    const { ok, body } = await hasPassed({ url: urlOf("echoing") });
    expect(ok && JSON.parse(body ?? "")).toMatchObject({
      method: "GET",
      url: "/health",
      headers: { connection: "close" },
    });
  } finally {
    delete process.env["HTTP_PROXY"];
    delete process.env["http_proxy"];
  }
});

test("a refused connection is told apart, and no secret of a URL is shown", async () => {
  const port = await freePort();
  const answer = await hasPassed({ url: `http://someone:canary@127.0.0.1:${port}/a?token=canary` });
  expect(answer).toEqual({
    ok: false,
    isRefused: true,
    summary: `GET http://127.0.0.1:${port}/a → connection refused`,
  });
});

test("tcp wants an open port", async () => {
  expect(await hasPassed({ tcp: `127.0.0.1:${apps["ok"]?.port}` })).toMatchObject({ ok: true });
  expect(await hasPassed({ tcp: `127.0.0.1:${await freePort()}` })).toMatchObject({ ok: false, isRefused: true });
});

test("run wants exit 0 from every line, in its directory and environment", async () => {
  const cwd = at.newPath;
  expect(await hasPassed({ run: ["test $PWD = $HERE", "echo fine"], cwd, env: { HERE: cwd } })).toMatchObject({
    ok: true,
    body: "fine",
  });
  expect(await hasPassed({ run: ["false", "true"], cwd })).toMatchObject({
    ok: false,
    summary: expect.stringContaining("exit 1"),
  });
  expect(await hasPassed({ run: "false | true", cwd })).toMatchObject({ ok: false });
  expect(await hasPassed({ run: "true", cwd: join(cwd, "missing") })).toMatchObject({ ok: false });
});

test("a run is cut with everything that it started", async () => {
  const pidFile = join(at.tree, "sleeper");
  const run = `sleep 600 & echo $! >${pidFile}; wait`;
  expect(await hasPassed({ run, cwd: at.newPath }, 150)).toMatchObject({
    ok: false,
    summary: expect.stringContaining("no answer in"),
  });
  expect(existsSync(pidFile)).toBe(true);
  await expect.poll(() => isRunning(Number(readFileSync(pidFile, "utf8")))).toBe(false);
});

function isRunning(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
