/** Clients that are slow, silent or many keep nobody else waiting. */
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished, expect, test } from "vitest";
import type { Paths } from "../../scripts/core/paths.ts";
import { makeTree, openRegistry, put, putOperation, startApi } from "./place.ts";

const HOST = "Host: localhost";
const QUICK = { head: 600, idle: 600, stalled: 600, ending: 600 };
/** Looks at connections once in `head`, and the machine may have others to serve. */
const SOON = 4_000;

const serving = (tree: Paths) => startApi(tree, {}, QUICK);

test("who says nothing is closed", async () => {
  const { raw } = await serving(makeTree());
  const { ms } = await raw();
  expect(ms).toBeGreaterThan(300);
  expect(ms).toBeLessThan(SOON);
});

test("who does not get on with a request is told so, and closed", async () => {
  const { raw } = await serving(makeTree());
  const { status, ms } = await raw(`GET /api/releases HTTP/1.1\r\n${HOST}\r\n`);
  expect(status).toBe(408);
  expect(ms).toBeLessThan(SOON);
});

test("who sends a byte now and then is closed as well", async () => {
  const { raw } = await serving(makeTree());
  const drops = Array.from({ length: 40 }, () => ["x", { wait: 150 }]).flat();
  const { text, ms } = await raw(`GET /api/releases HTTP/1.1\r\n${HOST}\r\nX-Slow: `, ...drops);
  expect(text).not.toContain("HTTP/1.1 200");
  expect(ms).toBeLessThan(SOON);
});

test("a connection that nothing more is asked on is closed", async () => {
  const { raw } = await serving(makeTree());
  const { status, ms } = await raw(`GET /api/releases HTTP/1.1\r\n${HOST}\r\n\r\n`);
  expect(status).toBe(200);
  expect(ms).toBeLessThan(SOON);
});

test("a body that is announced and never comes holds nothing", async () => {
  const { raw } = await serving(makeTree());
  const { status, ms } = await raw(`GET / HTTP/1.1\r\n${HOST}\r\nContent-Length: 1000000\r\n\r\n`);
  expect(status).toBe(413);
  expect(ms).toBeLessThan(SOON);
});

test("who does not take an answer is cut off", async () => {
  const tree = makeTree();
  const database = openRegistry(tree);
  putOperation(database, { id: "one" });
  fs.writeFileSync(path.join(tree.logs, "one.log"), "x".repeat(250_000));
  const { port, get } = await serving(tree);
  const sockets = Array.from({ length: 3 }, () => net.connect(port, "127.0.0.1").on("error", () => {}));
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  // More than the kernel keeps for a client that reads nothing.
  for (const socket of sockets) {
    socket.pause();
    socket.write(`GET /api/operations/one/log HTTP/1.1\r\n${HOST}\r\n\r\n`.repeat(60));
  }
  await sleep(SOON);
  expect((await get("/healthz")).status).toBe(200);
  // What was sent until then is all that there will be.
  const lengths = await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<number>((resolve) => {
          let length = 0;
          socket.on("data", (chunk: Buffer) => (length += chunk.length)).once("close", () => resolve(length));
          socket.resume();
        }),
    ),
  );
  for (const length of lengths) expect(length).toBeLessThan(60 * 250_000);
});

test("as many silent ones as there is room for keep nobody out", async () => {
  const tree = makeTree();
  put(openRegistry(tree), "v1", "deployed");
  const { port, get } = await startApi(tree, {}, { connections: 50 });
  const silent = Array.from({ length: 120 }, () =>
    net
      .connect(port, "127.0.0.1")
      .on("error", () => {})
      .resume(),
  );
  onTestFinished(() => silent.forEach((socket) => socket.destroy()));
  let closed = 0;
  for (const socket of silent) socket.once("close", () => closed++);
  // Some systems hold a connection back for about a second until there is something to read from it.
  await sleep(2_500);
  const answers = await Promise.all(Array.from({ length: 20 }, () => get("/api/releases")));
  expect(answers.map(({ status }) => status)).toEqual(Array<number>(20).fill(200));
  await sleep(100);
  expect(closed).toBeGreaterThanOrEqual(70);
});

test("two hundred at once are all answered", async () => {
  const tree = makeTree();
  const database = openRegistry(tree);
  for (let i = 0; i < 120; i++) put(database, `r${i}`, "built");
  const { get } = await startApi(tree);
  const answers = await Promise.all(
    Array.from({ length: 200 }, async () => ((await (await get("/api/releases")).json()) as object[]).length),
  );
  expect(new Set(answers)).toEqual(new Set([100]));
});

test("an end closes what is idle at once, and what is stuck a little later", async () => {
  const { port, stop, get } = await startApi(makeTree(), {}, { ...QUICK, head: 60_000, idle: 60_000 });
  await get("/healthz");
  const half = net.connect(port, "127.0.0.1").on("error", () => {});
  half.write(`GET /api/releases HTTP/1.1\r\n${HOST}\r\n`);
  await sleep(200);
  const began = performance.now();
  await stop();
  expect(performance.now() - began).toBeLessThan(3_000);
  half.destroy();
  await expect(get("/healthz")).rejects.toThrow();
});
