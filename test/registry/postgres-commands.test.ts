/** Real commands on a real tree, with a PostgreSQL server that comes and goes. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openDatabase } from "../../scripts/registry/database.ts";
import { countWaiting } from "../../scripts/registry/outbox.ts";
import { makePlace } from "../core/places.ts";
import { bothSides, hasServer, PASSWORD, PostgresServer } from "./postgres-server.ts";

const home = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-home-"));
afterAll(() => fs.rmSync(home, { recursive: true }));
const ops = path.resolve(import.meta.dirname, "../../ops");
const git = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", GIT_AUTHOR_NAME: "t", GIT_AUTHOR_EMAIL: "t@t" };
const env = {
  PATH: process.env["PATH"],
  HOME: home,
  ...git,
  GIT_COMMITTER_NAME: "t",
  GIT_COMMITTER_EMAIL: "t@t",
};

describe.skipIf(!hasServer)("a registry of several hosts (skipped where PostgreSQL is not installed)", () => {
  let server: PostgresServer;
  let database = "";
  let place = "";
  beforeAll(() => void (server = new PostgresServer(42_712)));
  afterAll(() => server.end());
  beforeEach(() => {
    database = server.createDatabase();
    place = makePlace();
    makeApp("one", server.url(database));
  });

  /** An application with a commit and a tree, by its name. */
  function makeApp(name: string, url: string, more = ", password_file: registry.pw"): void {
    const app = path.join(place, name);
    fs.mkdirSync(path.join(app, "tree/shared"), { recursive: true });
    fs.writeFileSync(path.join(app, "mode"), "ok\n");
    spawnSync("git", ["init", "-q", app], { env });
    spawnSync("git", ["-C", app, "add", "mode"], { env });
    spawnSync("git", ["-C", app, "commit", "-qm", "ok"], { env });
    const health = "health: { run: grep -qx ok mode, every: 10ms, timeout: 5s, soak: 20ms }";
    const registry = `registry: { url: "${url}"${more} }`;
    fs.writeFileSync(path.join(app, "deploy.yaml"), `app: shop\ndeploy_to: ./tree\n${health}\n${registry}\n`);
    fs.writeFileSync(path.join(app, "tree/shared/registry.pw"), `${PASSWORD}\n`, { mode: 0o600 });
  }

  function run(name: string, command: string, ...words: string[]) {
    const all = ["--manifest", path.join(place, name, "deploy.yaml"), ...words];
    return spawnSync(path.join(ops, command), all, { env, encoding: "utf8", timeout: 60_000 });
  }
  function start(name: string, command: string, ...words: string[]) {
    const all = ["--manifest", path.join(place, name, "deploy.yaml"), ...words];
    const child = spawn(path.join(ops, command), all, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let [stderr, answered] = ["", performance.now()];
    child.stderr.on("data", (text) => void (stderr += String(text)));
    child.stdout.on("data", () => void (answered = performance.now()));
    const ended = new Promise<{ code: number | null; stderr: string; afterwards: number }>((resolve) => {
      // Milliseconds from its last word on standard output on.
      child.once("close", (code) => void resolve({ code, stderr, afterwards: performance.now() - answered }));
    });
    return { child, ended };
  }
  const deploy = (name: string, id: string) => run(name, "release/deploy.ts", "HEAD", "--id", id);
  const sync = (name: string, ...words: string[]) => run(name, "release/release-registry.ts", "sync", ...words);
  function withRegistry<T>(name: string, work: (registry: ReturnType<typeof openDatabase>) => T): T {
    const registry = openDatabase(path.join(place, name, "tree/registry.db"));
    const done = work(registry);
    void Promise.resolve(done).finally(() => registry.close());
    return done;
  }
  const waiting = (name: string) => withRegistry(name, countWaiting);
  const same = (name: string) =>
    withRegistry(name, async (registry) => {
      const [here, there] = await bothSides(server.url(database), registry);
      expect(there).toBe(here);
      return JSON.parse(here) as unknown[][];
    });

  test("a server that is stopped keeps no deploy from being done, and the next command pushes what waited", async () => {
    expect(deploy("one", "r1")).toMatchObject({ status: 0, stderr: "" });
    server.stop();
    try {
      const ran = deploy("one", "r2");
      expect(ran.status).toBe(0);
      expect(ran.stderr).toMatch(
        /^warning: the registry releases\d+ at 127\.0\.0\.1:\d+ could not be reached: nobody listens there: \d+ records wait; \S+\/release-registry\.ts sync pushes them\n$/,
      );
      expect(fs.readlinkSync(path.join(place, "one/tree/current"))).toBe("releases/r2");
      const refused = sync("one");
      expect(refused).toMatchObject({ status: 1, stdout: "" });
      expect(refused.stderr).toMatch(/could not be reached.*: \d+ records wait/);
      const all = run("one", "release/release-registry.ts", "list", "--all-hosts");
      expect(all).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("could not be reached") });
      expect(run("one", "release/release-registry.ts", "list").status).toBe(0);
    } finally {
      server.start();
    }
    expect(waiting("one")).toBeGreaterThan(5);
    expect(run("one", "release/pin.ts", "r1")).toMatchObject({ status: 0, stderr: "" });
    expect(waiting("one")).toBe(0);
    const [releases] = await same("one");
    expect(releases).toMatchObject([{ is_pinned: 1 }, { status: "deployed" }]);
    const rows = JSON.parse(run("one", "release/release-registry.ts", "list", "--all-hosts").stdout) as object[];
    expect(rows).toMatchObject([
      { release_id: "r2", host: expect.any(String), app: "shop", is_pinned: false },
      { release_id: "r1" },
    ]);
    const got = run("one", "release/release-registry.ts", "get", "--all-hosts", "--release-id", "r9");
    expect(got).toMatchObject({ status: 2, stdout: '{"error":"release_not_found","release_id":"r9"}\n' });
  });

  test("upsert works without a server, and what it wrote is pushed", async () => {
    const words = ["upsert", "--release-id", "v1", "--commit-sha", "abc", "--status", "deployed"];
    expect(run("one", "release/release-registry.ts", ...words)).toMatchObject({ status: 0, stderr: "" });
    expect(server.sql(database, "SELECT release_id, status FROM releases")).toBe("v1|deployed");
    server.stop();
    const [first, second] = [1, 2].map((id) => run("one", "release/release-registry.ts", ...words.with(2, `v${id}`)));
    server.start();
    expect(first).toMatchObject({ status: 0, stderr: expect.stringContaining("1 record waits") });
    // It is called many times in a deploy: a server that was not there is not looked for each time.
    expect(second).toMatchObject({ status: 0, stderr: "" });
    expect(sync("one", "--json")).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('{"pushed":2,"waiting":0,'),
    });
    await same("one");
  });

  test("a server that takes the connection and never answers costs three seconds at most", async () => {
    const silent = net.createServer((socket) => void socket.on("error", () => {})).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as net.AddressInfo;
    try {
      const modes = ["disable", "prefer"];
      for (const mode of modes) makeApp(mode, `postgres://owner@127.0.0.1:${port}/x?sslmode=${mode}`);
      const all = await Promise.all(modes.map((mode) => start(mode, "release/deploy.ts", "HEAD", "--id", "r1").ended));
      for (const { code, stderr, afterwards } of all) {
        expect(code).toBe(0);
        expect(stderr).toMatch(/within \d\.\d s: \d+ records wait/);
        expect(afterwards).toBeLessThan(3800);
      }
    } finally {
      silent.close();
    }
  });

  test("killed at many moments of a push, the next one makes both sides equal, and nothing is there twice", async () => {
    const [count, rounds, partial] = [4000, 9, [] as number[]];
    for (let round = 0; round < rounds; round++) {
      withRegistry("one", (registry) => {
        registry.exec(`INSERT INTO operations (id, kind, arguments, pid, host, user, started_at) VALUES ('op-${round}', 'x', '[]', 1, 'h', 'u', '2026');
          WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
          INSERT INTO steps (operation_id, seq, key, title, started_at) SELECT 'op-${round}', i, 'k', 'title ' || i, '2026' FROM n`);
      });
      // In the first rounds before anything is there, in the others some time after so many batches.
      const { child, ended } = start("one", "release/release-registry.ts", "sync", "--verbose");
      const batches = round < 3 ? 0 : round % 4;
      let told = 0;
      if (batches > 0)
        await new Promise<void>((resolve) => {
          child.stdout?.on("data", (text) => (told += String(text).split("\n").length - 1) >= batches && resolve());
          child.once("close", () => void resolve());
        });
      await new Promise((resolve) => void setTimeout(resolve, batches > 0 ? round : 60 + 25 * round));
      const isAtWork = child.exitCode === null;
      try {
        process.kill(-(child.pid as number), "SIGKILL");
      } catch {
        // It was done already.
      }
      await ended;
      if (isAtWork && told > 0) partial.push(waiting("one") ?? 0);
    }
    // The moments were such that it was at work.
    expect(partial.length).toBeGreaterThan(2);
    expect(sync("one")).toMatchObject({ status: 0, stderr: "" });
    expect(waiting("one")).toBe(0);
    const [, operations, steps] = await same("one");
    expect([operations?.length, steps?.length]).toEqual([rounds, rounds * count]);
  });

  test("two trees that deploy at once both push all of theirs", async () => {
    makeApp("two", server.url(database));
    for (const name of ["one", "two"]) expect(deploy(name, "r0").status).toBe(0);
    const both = ["one", "two"].map((name) => start(name, "release/deploy.ts", "HEAD", "--id", "r1").ended);
    expect(await Promise.all(both)).toMatchObject([{ code: 0 }, { code: 0 }]);
    for (const name of ["one", "two"]) await same(name);
    expect(server.sql(database, "SELECT release_id, status FROM releases ORDER BY 1")).toBe("r0|replaced\nr1|deployed");
    expect(server.sql(database, "SELECT count(*) FROM switchback_releases")).toBe("4");
  });

  test("nothing shows the password, wherever it comes from", () => {
    const withPassword = server.url(database).replace("owner@", `owner:${PASSWORD}@`);
    makeApp("inside", withPassword, "");
    makeApp("wrong", withPassword.replace(PASSWORD, `${PASSWORD}-not`), "");
    const said = ["one", "inside", "wrong"].flatMap((name) =>
      [
        run(name, "release/deploy.ts", "HEAD", "--id", "r1", "--verbose"),
        sync(name, "--verbose"),
        run(name, "host/doctor.ts", "--verbose"),
        run(name, "host/render.ts", "--out", path.join(place, name, "rendered")),
        run(name, "release/release-registry.ts", "list", "--all-hosts", "--verbose", "--json"),
      ].flatMap(({ stdout, stderr }) => [stdout, stderr]),
    );
    const logs = ["one", "inside", "wrong"].flatMap((name) => {
      const folder = path.join(place, name, "tree/logs");
      const files = fs.readdirSync(folder).map((file) => path.join(folder, file));
      return [...files, path.join(place, name, "tree/registry.db")].filter((file) => fs.statSync(file).isFile());
    });
    const rendered = ["one", "inside", "wrong"].map((name) => path.join(place, name, "rendered/RUNBOOK.md"));
    const files = [...logs, ...rendered].map((file) => [file, fs.readFileSync(file, "latin1")]);
    const texts = [...said.map((text, index) => [String(index), text]), ...files];
    expect(texts.filter(([, text]) => text?.includes(PASSWORD)).map(([name]) => name)).toEqual([]);
    expect(said.join("")).toContain("password authentication failed");
    expect(server.sql(database, "SELECT count(*) FROM switchback_operations WHERE arguments LIKE '%canary%'")).toBe(
      "0",
    );
  });

  test("doctor says what is wrong, and what to type", () => {
    const registry = () => run("one", "host/doctor.ts", "--json").stdout.replace(/^[^{]*/, "") || '{"findings":[]}';
    const said = () =>
      (
        JSON.parse(registry()) as { findings: { check: string; level: string; message: string; next: string[] }[] }
      ).findings
        .filter(({ check }) => check === "registry")
        .map(({ level, message, next }) => [level, message, ...next].join("; "));
    expect(said()).toEqual([
      expect.stringMatching(/^note; .*nothing was pushed from here yet; .*release-registry\.ts sync$/),
    ]);
    deploy("one", "r1");
    expect(said()).toEqual([expect.stringMatching(/^ok; releases\d+ at 127\.0\.0\.1:\d+, nothing waits$/)]);
    server.sql(database, "DROP TABLE releases; CREATE TABLE releases (id serial, release_id text)");
    server.sql(database, `CREATE ROLE ${database}_d LOGIN PASSWORD '${PASSWORD}'`);
    const manifest = path.join(place, "one/deploy.yaml");
    fs.writeFileSync(manifest, fs.readFileSync(manifest, "utf8").replace("owner@", `${database}_d@`));
    expect(said()[0]).toMatch(
      /^wrong; the registry .*permission denied for table switchback_schema; psql .*GRANT SELECT, INSERT, UPDATE/,
    );
    server.sql(database, `GRANT SELECT ON switchback_schema TO ${database}_d`);
    expect(said()).toEqual([
      expect.stringMatching(
        /^wrong; the role \w+ may not write to switchback_schema, .*; GRANT SELECT, INSERT, UPDATE ON switchback_schema, .*_d"/,
      ),
      expect.stringContaining("its table releases is left alone: this role may not"),
      expect.stringContaining("nothing waits"),
    ]);
    fs.chmodSync(path.join(place, "one/tree/shared/registry.pw"), 0o644);
    expect(said()).toEqual([expect.stringMatching(/^wrong; registry.password_file: others may read .*; chmod 600 /)]);
  });
});
