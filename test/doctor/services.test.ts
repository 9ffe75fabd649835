import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makePlace, type Place } from "./place.ts";

let place: Place;
beforeEach(() => void (place = makePlace()));
afterEach(() => fs.rmSync(place.path, { recursive: true }));

const isRoot = process.geteuid?.() === 0;

test("versions of what the build needs and the services run; nothing else is started to be asked", async () => {
  const canary = path.join(place.path, "serve");
  fs.writeFileSync(canary, `#!/bin/sh\ntouch ${canary}.was-run\n`, { mode: 0o755 });
  place.manifest(
    `build: { a: { needs: [node, npm], run: x } }\nservices: { web: { run: ${canary} --version }, api: { run: python3 x } }\n`,
  );
  const [line] = await place.said("versions");
  expect(line).toMatch(/^ok: node \d+\.\d+.*, npm \d+\.\d+.*, python3 3\.\d+/);
  expect(fs.existsSync(`${canary}.was-run`)).toBe(false);
});

describe("programs", () => {
  test("that are absent, or cannot be executed", async () => {
    place.deploy();
    place.put({ "releases/r1/app/venv/bin/serve": "" });
    place.manifest(
      "services: { a: { run: no-such-program x }, b: { run: /no/such x }, c: { run: venv/bin/serve, dir: app }, d: { run: sh x } }\n",
    );
    expect(await place.said("programs")).toEqual([
      "wrong: services.a.run: no-such-program is not in PATH",
      "wrong: services.b.run: /no/such is not there",
      `wrong: services.c.run: ${place.tree}/current/app/venv/bin/serve cannot be executed`,
    ]);
  });

  test("that the release brings are not looked for before there is one", async () => {
    place.manifest("services: { c: { run: venv/bin/serve } }\n");
    expect(await place.said("programs")).toEqual([]);
  });
});

describe("addresses", () => {
  test("a port in run that is not the service's", async () => {
    place.manifest(
      "services: { a: { run: gunicorn -w 4 -b 127.0.0.1:5000 x, port: 22501 }, b: { run: 'uvicorn --port=22502', port: 22502 }, c: { run: 'next start -p ${PORT}', port: 22503 }, d: { run: 'x -w 4000', port: 22504 } }\n",
    );
    expect(await place.said("addresses")).toEqual([
      "wrong: services.a.run says port 5000, and services.a.port is 22501",
    ]);
  });

  test("PORT in a file of settings; its other values stay in it", async () => {
    place.manifest(
      "linked_files: [{ path: api/.env, shared: api.env }]\nservices: { a: { run: sh x, env_file: api/.env, port: 22501 } }\n",
    );
    place.put({ "shared/api.env": "SECRET=canary-1\nPORT=22509\n" });
    const findings = await place.look();
    const found = findings.find(({ check }) => check === "addresses");
    expect(found?.message).toBe(`${place.tree}/shared/api.env sets PORT to another port than services.a.port, 22501`);
    expect(found?.next[0]).toContain(`${place.tree}/shared/api.env`);
    expect(JSON.stringify(findings)).not.toMatch(/canary|22509/);
    place.put({ "shared/api.env": "SECRET=canary-1\nPORT=22501\n" });
    expect(await place.said("addresses")).toEqual([]);
  });

  test("a health check or a request that asks a port of nobody's", async () => {
    place.manifest(
      "services: { a: { run: sh x, port: 22501, health: { url: 'http://localhost:5000/healthz' } } }\nsmoke: [{ url: 'http://127.0.0.1:${services.a.port}/' }, { url: 'https://elsewhere.example/' }]\n",
    );
    expect(await place.said("addresses")).toEqual([
      "note: services.a.health.url asks port 5000, and no service or site of the manifest has it",
    ]);
  });
});

describe("ports", () => {
  const listen = async (port: number) => {
    const server = net.createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    return server;
  };

  test("of an instance and of a held socket that somebody else has", async () => {
    const servers = [await listen(22511), await listen(22513)];
    place.manifest(
      "supervisor: systemd\nservices: { web: { run: sh x, instances: { main: { port: 22510 }, other: { port: 22511 } } }, api: { run: sh x, port: 22512, socket: { listen: '127.0.0.1:22513', proxy: true } } }\n",
    );
    const found = await place.said("ports");
    for (const server of servers) server.close();
    expect(found.map((line) => line.replace(/ \(.*/, ""))).toEqual([
      `wrong: port 22511 of web@other is used by pid ${process.pid}`,
      `wrong: port 22513 of api's socket is used by pid ${process.pid}`,
    ]);
  });

  test("that two instances have together", async () => {
    place.manifest("services: { web: { run: sh x, port: 22514, instances: [a, b] } }\n");
    expect(await place.said("ports")).toEqual(["wrong: web@a and web@b share port 22514"]);
  });
});

describe("permissions", () => {
  test("a service of another account, which cannot read the release or write its data", async ({ skip }) => {
    skip(!isRoot, "only root can look at other accounts' trees");
    place.deploy();
    place.put({ "releases/r1/app/x": "", "shared/data/x": "" });
    fs.chmodSync(path.join(place.tree, "releases"), 0o700);
    const media = path.join(place.path, "media");
    place.manifest(
      `supervisor: systemd\nlinked_dirs: [data]\nservices: { web: { run: sh x, dir: app, user: nobody, write_paths: [${media}] } }\n`,
    );
    expect(await place.said("permissions")).toEqual([
      `wrong: services.web.write_paths: ${media} is not there`,
      `wrong: web cannot enter ${place.tree}/current/app: nobody has no x on ${place.tree}/releases`,
      `wrong: web cannot write ${place.tree}/shared/data: nobody has no w on ${place.tree}/shared/data`,
    ]);
    fs.mkdirSync(media);
    fs.chownSync(media, 65534, 65534);
    fs.chmodSync(path.join(place.tree, "releases"), 0o755);
    fs.chownSync(path.join(place.tree, "shared/data"), 65534, 65534);
    expect(await place.said("permissions")).toEqual(["ok: root owns the tree"]);
  });

  test("an account that there is not, and a folder of the tree that is somebody else's", async ({ skip }) => {
    skip(!isRoot, "only root can give a directory away");
    place.deploy();
    fs.chownSync(path.join(place.tree, "logs"), 65534, 65534);
    place.manifest("supervisor: systemd\nservices: { web: { run: sh x, user: no-such-user } }\n");
    expect(await place.said("permissions")).toEqual([
      `wrong: ${place.tree}/logs does not belong to root`,
      "wrong: services.web.user: there is no account no-such-user",
    ]);
  });
});

test("logs: folders that a manager does not make; the suite's own supervisor does", async () => {
  place.deploy();
  const file = path.join(place.path, "log/web.log");
  const services = `services: { web: { run: sh x, stdout: ${file}, stderr: data/logs/x.log } }\n`;
  place.manifest(`supervisor: systemd\n${services}`);
  expect(await place.said("logs")).toEqual([
    `wrong: services.web writes to ${file}, and ${place.path}/log is not there`,
    `wrong: services.web writes to ${place.tree}/current/data/logs/x.log, and ${place.tree}/current/data/logs is not there`,
  ]);
  place.manifest(services);
  expect(await place.said("logs")).toEqual([]);
});
