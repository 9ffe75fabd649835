import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { unitsOf, valuesOf } from "./subjects.ts";

const SOCKET = 'socket: "127.0.0.1:8000"';
const unit = (service: string, rest: string) =>
  unitsOf(`services:\n  web: { run: x, ${service} }\n${rest}`)["demo-web.service"];
const MIGRATE = "migrate: { run: x }\n";

test("a service behind a held socket waits while data is changed, for as long as that takes", () => {
  const web = unit(SOCKET, MIGRATE);
  expect(valuesOf(web, "ExecStartPre")).toEqual([
    '+/bin/sh -c "while [ -e \\"$$0\\" ]; do sleep 0.05; done" /srv/demo/run/migrating',
  ]);
  expect(valuesOf(web, "TimeoutStartSec")).toEqual(["infinity"]);
  expect(valuesOf(unit(SOCKET, "database: { sqlite: a.db }\n"), "ExecStartPre")).toHaveLength(1);
  expect(
    valuesOf(unit('port: 1, socket: { listen: "127.0.0.1:8000", proxy: true }', MIGRATE), "ExecStartPre"),
  ).toHaveLength(1);
});

test("one that says when it is ready keeps systemd's limit", () => {
  const web = unit(`${SOCKET}, ready: notify`, MIGRATE);
  expect([valuesOf(web, "ExecStartPre").length, valuesOf(web, "TimeoutStartSec")]).toEqual([1, []]);
});

test.each([
  ["no socket", unit("port: 1", MIGRATE)],
  ["no data that could be changed", unit(SOCKET, "")],
])("%s: nothing to wait for", (_, web) => {
  expect([valuesOf(web, "ExecStartPre"), valuesOf(web, "TimeoutStartSec")]).toEqual([[], []]);
});

test("a place with every kind of letter is waited for as it is", () => {
  const web = unit(SOCKET, `${MIGRATE}deploy_to: "/srv/it's 100%i $x \\"q\\" \\\\ é"\n`);
  const [line = ""] = valuesOf(web, "ExecStartPre");
  expect(line.endsWith(`"/srv/it's 100%%i $$x \\"q\\" \\\\ é/run/migrating"`)).toBe(true);
});

test("the line that waits is shell, and ends when the file is not there", () => {
  const [line = ""] = valuesOf(unit(SOCKET, MIGRATE), "ExecStartPre");
  const script =
    /-c "(.*)" \//
      .exec(line)?.[1]
      ?.replaceAll('\\"', '"')
      .replaceAll("$$", () => "$") ?? "exit 9";
  expect(spawnSync("/bin/sh", ["-c", script, "/nonexistent"], { timeout: 2_000 }).status).toBe(0);
  expect(spawnSync("/bin/sh", ["-c", script, "/"], { timeout: 300 }).signal).toBe("SIGTERM");
});
