import { execFileSync, spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { logFilesOf } from "../../scripts/logs/log-files.ts";
import { renderLogrotate } from "../../scripts/logs/logrotate.ts";
import { renderNewsyslog } from "../../scripts/logs/newsyslog.ts";
import { refusalOf, subjectOf } from "../schedule/subject.ts";

const SHOP = {
  services: {
    web: { run: "x", instances: ["main", "admin"] },
    api: { run: "x", stdout: "/var/log/shop/api.log", stderr: "log/api err.log" },
    quiet: { run: "x", stdout: "/dev/null", stderr: "/dev/stderr" },
    also: { run: "x", stdout: "/var/log/shop/api.log" },
    nightly: { run: "x", schedule: "1 1 * * *" },
  },
  prune: { schedule: "0 3 * * *" },
  logs: { max_size: "10m", keep: 4 },
};

const golden = (file: string) => fs.readFileSync(path.join(import.meta.dirname, "../golden", file), "utf8");

test("logs of services, instances and jobs, each once; no devices, no operations", () => {
  expect(logFilesOf(subjectOf(SHOP)).map(({ path: file, isHeld }) => `${isHeld ? "held " : ""}${file}`)).toEqual([
    "held /srv/shop/logs/web@main.log",
    "held /srv/shop/logs/web@admin.log",
    "held /var/log/shop/api.log",
    "held /srv/shop/current/log/api err.log",
    "held /srv/shop/logs/also.log",
    "/srv/shop/logs/nightly.log",
    "/srv/shop/logs/cron.log",
  ]);
  const managed = logFilesOf(subjectOf({ ...SHOP, supervisor: "systemd-user" })).map(({ path: file }) => file);
  expect(managed.slice(5)).toEqual(["nightly", "prune", "rotate-logs"].map((name) => `/srv/shop/logs/${name}.log`));
});

test("logrotate's file", () => {
  const subject = subjectOf({ ...SHOP, supervisor: "systemd" });
  subject.owner.gid = 1502;
  expect(renderLogrotate(subject)).toEqual([{ place: "logrotate/shop", content: golden("logrotate/shop") }]);
});

test("newsyslog's file", () => {
  const { api: _, ...services } = SHOP.services;
  expect(renderNewsyslog(subjectOf({ ...SHOP, services, supervisor: "launchd" }))).toEqual([
    { place: "newsyslog/shop.conf", content: golden("newsyslog/shop.conf") },
  ]);
});

test("without logs there is nothing to rotate", () => {
  const { logs: _, ...silent } = SHOP;
  expect([...renderLogrotate(subjectOf(silent)), ...renderNewsyslog(subjectOf(silent))]).toEqual([]);
});

test("what they cannot express is refused at its place", () => {
  const at = (stdout: string) =>
    subjectOf({ services: { web: { run: "x", schedule: "1 1 * * *", stdout } }, logs: {} });
  expect(refusalOf(() => renderLogrotate(at("/var/log/{a}.log")))).toMatch(
    /^deploy\.yaml:\d+:\d+: logrotate cannot express this: \/var\/log\/\{a\}\.log has a brace in it$/,
  );
  for (const name of ["a b", "a#b", "a\\b"])
    expect(refusalOf(() => renderNewsyslog(at(`/var/log/${name}.log`)))).toMatch(/newsyslog cannot express this/);
  expect(refusalOf(() => renderNewsyslog(subjectOf({ deploy_to: "/srv/a b", ...SHOP })))).toMatch(/^deploy\.yaml:2:/);
});

const hasLogrotate = spawnSync("logrotate", ["--version"]).status === 0;

describe.skipIf(!hasLogrotate)("the real logrotate (skipped where there is none)", () => {
  let folder: string;
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "switchback-logrotate-"));
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  const NAMES = ["plain", "two words", 'q"uote', "it's", "g[x]*", "w?", "back\\slash", "\\", "#h", "$d", "50%", "ünï"];

  /** A tree with one service and log for each name, its file for logrotate as this user, and how it is called. */
  function treeOf(place: string, more: Record<string, unknown> = {}) {
    const tree = path.join(folder, place);
    fs.mkdirSync(path.join(tree, "logs"), { recursive: true, mode: 0o755 });
    const services = Object.fromEntries(
      NAMES.map((name, at) => [`s${at}`, { run: "x", stdout: path.join(tree, `logs/${name}.log`) }]),
    );
    const subject = subjectOf({ deploy_to: tree, services, logs: { max_size: "1k", keep: 2, ...more } });
    subject.owner = {
      name: String(process.getuid?.()),
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.(),
      home: "/",
    };
    const file = path.join(tree, "logrotate");
    fs.writeFileSync(file, renderLogrotate(subject)[0]?.content ?? "", { mode: 0o644 });
    const call = (...options: string[]) =>
      execFileSync("logrotate", ["--state", path.join(tree, "state"), ...options, file], {
        encoding: "utf8",
        stdio: "pipe",
      });
    return { call, log: (name: string) => path.join(tree, `logs/${name}.log`) };
  }

  test("rotates exactly the named logs, once they are large enough, and keeps as many as the manifest says", () => {
    const { call, log } = treeOf("names");
    for (const name of NAMES) fs.writeFileSync(log(name), `${name}\n`.repeat(1000));
    // What the patterns would match, were they not escaped.
    const others = ["gx1", "wx", "backslash", "slash"];
    for (const name of others) fs.writeFileSync(log(name), "other\n".repeat(1000));
    call("-d");
    call();
    for (const name of NAMES) {
      expect([name, fs.statSync(log(name)).size]).toEqual([name, 0]);
      expect(gunzipSync(fs.readFileSync(`${log(name)}.1.gz`)).toString()).toBe(`${name}\n`.repeat(1000));
    }
    for (const name of others) expect(fs.statSync(log(name)).size).toBe(6000);
    for (let round = 0; round < 3; round++) {
      fs.writeFileSync(log("plain"), "x".repeat(2000));
      call();
    }
    const kept = fs.readdirSync(path.dirname(log("plain"))).filter((name) => name.startsWith("plain.log."));
    expect(kept.toSorted()).toEqual(["plain.log.1.gz", "plain.log.2.gz"]);
    expect(fs.existsSync(`${log("it's")}.2.gz`)).toBe(false);
  });

  test.each(["1", "1k", "1K", "1m", "1M", "999999999G"])("takes %s as a size", (size) => {
    expect(() => treeOf(`size-${size}`, { max_size: size }).call("-d")).not.toThrow();
  });

  test("a writer that appends goes on in the same file, without a hole", async () => {
    const { call, log } = treeOf("writer");
    const script = "i=0; while :; do i=$((i + 1)); echo line $i; sleep 0.001; done";
    const out = fs.openSync(log("plain"), "a");
    const writer = spawn("sh", ["-c", script], { stdio: ["ignore", out, out] });
    await until(() => fs.statSync(log("plain")).size > 2000);
    call("-f");
    await until(() => fs.statSync(log("plain")).size > 200);
    writer.kill();
    fs.closeSync(out);
    const before = gunzipSync(fs.readFileSync(`${log("plain")}.1.gz`)).toString();
    const after = fs.readFileSync(log("plain"), "utf8");
    expect(after).toMatch(/^(?:line )?\d* *\d*\n(?:line \d+\n)+$/);
    expect(before).toMatch(/^line 1\n/);
    const last = Number(/(\d+)\s*$/.exec(before)?.[1]);
    const first = Number(/line (\d+)\n/.exec(after)?.[1]);
    expect(first - last).toBeLessThan(50);
  });
});

async function until(isTrue: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1000 && !isTrue(); tries++) await new Promise((resolve) => void setTimeout(resolve, 10));
}
