import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { unitsOf, valuesOf } from "./subjects.ts";

const SOCKET = 'socket: "127.0.0.1:8000"';
const unit = (service: string, rest: string) =>
  unitsOf(`services:\n  web: { run: x, ${service} }\n${rest}`)["demo-web.service"];
const MIGRATE = "migrate: { run: x }\n";

test("a service behind a held socket waits while data is changed, for as long as that takes", () => {
  const web = unit(SOCKET, MIGRATE);
  const said = "waits while data is changed; if no command is at work: ops/release/recover.ts";
  const told = `[ ! -e \\"$$0\\" ] || echo \\"${said}\\" >&2`;
  expect(valuesOf(web, "ExecStartPre")).toEqual([
    `+/bin/sh -c "${told}; while [ -e \\"$$0\\" ]; do sleep 0.05; done" /srv/demo/run/migrating`,
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

test("so does one without a socket: a boot after a power cut would start it", () => {
  const web = unit("port: 1", MIGRATE);
  expect(valuesOf(web, "ExecStartPre")[0]?.endsWith(" /srv/demo/run/migrating")).toBe(true);
  expect(valuesOf(web, "TimeoutStartSec")).toEqual(["infinity"]);
});

test("a job waits longer, until the data is settled", () => {
  const job = unit('schedule: "0 3 * * *"', MIGRATE);
  expect(valuesOf(job, "ExecStartPre")[0]?.endsWith(" /srv/demo/run/migrating-jobs")).toBe(true);
  expect(valuesOf(job, "TimeoutStartSec")).toEqual([]);
});

test.each([SOCKET, "port: 1", 'schedule: "0 3 * * *"'])(
  "no data that could be changed: %s waits for nothing",
  (keys) => {
    const web = unit(keys, "");
    expect([valuesOf(web, "ExecStartPre"), valuesOf(web, "TimeoutStartSec")]).toEqual([[], []]);
  },
);

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
  const there = spawnSync("/bin/sh", ["-c", script, "/nonexistent"], { timeout: 2_000, encoding: "utf8" });
  expect([there.status, there.stderr]).toEqual([0, ""]);
  const waiting = spawnSync("/bin/sh", ["-c", script, "/"], { timeout: 300, encoding: "utf8" });
  expect(waiting.signal).toBe("SIGTERM");
  expect(waiting.stderr).toMatch(/^waits while data is changed; .*recover.ts\n$/);
});
