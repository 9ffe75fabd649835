/** `release-registry.ts serve` as it is typed: where it listens, what it refuses to begin with, and how it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { makeHost } from "../release/host.ts";

const command = path.resolve(import.meta.dirname, "../../ops/release/release-registry.ts");
const host = makeHost("build: { wait: { run: 'sleep 0.3' } }\n");
afterAll(() => host.clear());

const bare = host.at("bare");
beforeEach(() => {
  fs.rmSync(bare, { recursive: true, force: true });
  fs.mkdirSync(path.join(bare, "releases"), { recursive: true });
});

interface Begun {
  child: ChildProcess;
  /** What it has said so far. */
  said: () => string;
  ended: Promise<{ code: number | null; ms: number }>;
}

function begin(words: string[], env: Record<string, string> = { DEPLOY_ROOT: bare }): Begun {
  const began = performance.now();
  const child = spawn(command, ["serve", ...words], {
    cwd: host.at("app"),
    env: { PATH: "/usr/bin:/bin", HOME: host.at(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (said += String(chunk)));
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, ms: performance.now() - began }));
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, said: () => said, ended };
}

/** Begins it, and waits until it has said where it listens. */
async function serve(words: string[], env?: Record<string, string>) {
  const begun = begin(["--port", "0", ...words], env);
  for (let i = 0; i < 200 && !/http:\S+/.test(begun.said()); i++) await sleep(25);
  const url = /http:\/\/\S+(?=\/)/.exec(begun.said())?.[0];
  if (!url) throw new Error(`it does not say where it listens: ${begun.said()}`);
  return { ...begun, url };
}

const TOKEN = "a-token-that-is-long-enough";
function tokenFile(content = `${TOKEN}\n`, mode = 0o600): string {
  const file = path.join(bare, "token");
  fs.writeFileSync(file, content);
  fs.chmodSync(file, mode);
  return file;
}

test("it says where it listens, answers, and ends with 0 when it is told to", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const { url, said, child, ended } = await serve([]);
    expect(said()).toMatch(/^\S+ is told of at http:\/\/127\.0\.0\.1:\d+\/\n$/);
    expect(await (await fetch(`${url}/api/releases`)).json()).toEqual([]);
    // An idle connection is open at that time.
    child.kill(signal);
    expect((await ended).code).toBe(0);
  }
});

test("an answer that is under way when it ends is finished", async () => {
  fs.mkdirSync(path.join(bare, "logs"));
  const { url, child, ended } = await serve([]);
  const { port } = new URL(url);
  const socket = net.connect(Number(port), "127.0.0.1").pause();
  await once(socket, "connect");
  socket.write("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  await sleep(150);
  child.kill("SIGTERM");
  let text = "";
  socket.on("data", (chunk) => (text += String(chunk))).resume();
  await once(socket, "close");
  expect(text).toMatch(/^HTTP\/1\.1 200/);
  expect(text.trimEnd().endsWith("}")).toBe(true);
  const { code, ms } = await ended;
  expect(code).toBe(0);
  expect(ms).toBeLessThan(8_000);
});

describe("it does not begin", () => {
  const refused = async (code: number, words: string[], env?: Record<string, string>) => {
    const { ended, said } = begin(words, env);
    expect([(await ended).code, said()]).toEqual([code, expect.stringContaining("error:")]);
    return said();
  };

  test("on a port that is taken: exit 1, and which to take", async () => {
    const other = net.createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void other.close());
    await once(other, "listening");
    const { port } = other.address() as net.AddressInfo;
    const said = await refused(1, ["--port", String(port)]);
    expect(said).toContain(`port ${port} of 127.0.0.1 is taken`);
    expect(said).toContain(`serve --port ${port + 1}`);
  });

  test("on an address of another machine", async () => {
    expect(await refused(1, ["--host", "192.0.2.1", "--port", "0", "--token-file", tokenFile()])).toContain(
      "192.0.2.1 is no address of this machine",
    );
    expect(await refused(2, ["--host", "no.such.name.invalid"])).toContain("is no address");
  });

  test.each(["0.0.0.0", "::", "192.0.2.1", os.hostname()])("on %s without a token: exit 2", async (address) => {
    const loopback = address === os.hostname() ? /^127\.|^::1/ : undefined;
    const { address: real } = await import("node:dns/promises").then((dns) => dns.lookup(address));
    if (loopback?.test(real)) return;
    expect(await refused(2, ["--host", address, "--port", "0"])).toContain("a token is needed");
  });

  test.each([
    ["that others may read", `${TOKEN}\n`, 0o640, "can be read by others"],
    ["that everybody may read", `${TOKEN}\n`, 0o604, "can be read by others"],
    ["that is empty", "", 0o600, "holds no token"],
    ["with a short one", "secret\n", 0o600, "holds no token"],
    ["with two lines", `${TOKEN}\n${TOKEN}\n`, 0o600, "holds no token"],
  ])("with a token file %s: exit 2, and the token is not said", async (_, content, mode, reason) => {
    const said = await refused(2, ["--port", "0", "--token-file", tokenFile(content, mode)]);
    expect(said).toContain(reason);
    expect(said).not.toContain(TOKEN);
  });

  test("with a token file that is not there, or with a port that is none", async () => {
    expect(await refused(2, ["--token-file", path.join(bare, "gone")])).toContain("cannot be read");
    for (const port of ["x", "65536", "-1", "1.5", ""])
      expect(await refused(2, [`--port=${port}`])).toContain("no port");
  });
});

test("with a token it serves other addresses, and takes it from the environment as well", async () => {
  const ways: [string[], Record<string, string>][] = [
    [["--token-file", tokenFile()], {}],
    [[], { SWITCHBACK_API_TOKEN: TOKEN }],
  ];
  for (const [words, env] of ways) {
    const { url, child, ended, said } = await serve(["--host", "0.0.0.0", ...words], { DEPLOY_ROOT: bare, ...env });
    const { port } = new URL(url);
    const asked = async (headers: Record<string, string>) =>
      (await fetch(`http://127.0.0.1:${port}/api/releases`, { headers })).status;
    expect(await asked({})).toBe(401);
    expect(await asked({ authorization: `Bearer ${TOKEN}` })).toBe(200);
    expect(said()).not.toContain(TOKEN);
    const line = fs.existsSync("/proc") ? fs.readFileSync(`/proc/${child.pid}/cmdline`, "utf8") : "";
    expect(line).not.toContain(TOKEN);
    child.kill();
    await ended;
  }
});

test("while it answers, a real deploy writes: no answer is wrong, and the operation is seen at work", async () => {
  const { url } = await serve([], { DEPLOY_MANIFEST: host.at("app/deploy.yaml") });
  const seen = new Set<string>();
  const done = new AbortController();
  const looking = (async () => {
    let count = 0;
    for (; !done.signal.aborted; count++) {
      const [rows, operations, health] = await Promise.all([
        fetch(`${url}/api/releases`),
        fetch(`${url}/api/operations`),
        fetch(`${url}/healthz`),
      ]);
      const statuses = [rows.status, operations.status, health.status];
      // Before the first deploy there is no tree.
      if (statuses.join() !== "200,200,503") expect(statuses).toEqual([200, 200, 200]);
      for (const one of (await operations.json()) as { outcome: string }[]) seen.add(one.outcome);
      for (const one of (await rows.json()) as { status: string }[]) seen.add(one.status);
      await health.text();
    }
    return count;
  })();
  for (const text of ["two", "three"]) {
    host.commit(text);
    await ranBeside("release/deploy");
  }
  done.abort();
  expect(await looking).toBeGreaterThan(5);
  expect([...seen]).toEqual(expect.arrayContaining(["at work", "done", "building", "deployed", "replaced"]));
  expect(seen.has("interrupted")).toBe(false);
  const [row] = (await (await fetch(`${url}/api/releases?limit=1`)).json()) as Record<string, unknown>[];
  expect(row).toMatchObject({ status: "deployed" });
  const cli = (host.json("release/list") as { release_id: string }[])[0];
  expect(row?.["release_id"]).toBe(cli?.release_id);
});

/** Not spawnSync: this process looks at the same time. */
async function ranBeside(name: string): Promise<void> {
  const child = spawn(path.resolve(import.meta.dirname, `../../ops/${name}.ts`), [], {
    cwd: host.at("app"),
    env: { PATH: "/usr/bin:/bin", HOME: host.at() },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += String(chunk)));
  const [code] = (await once(child, "close")) as [number];
  expect([code, code === 0 ? "" : said]).toEqual([0, ""]);
}
