/** The load generator sees what it is there to see: each fault that a server can show is counted as what it is. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { type LoadReport, showLoad, startLoad } from "./loading.ts";

type Spoil = (request: IncomingMessage, response: ServerResponse, number: number) => boolean | Promise<boolean>;

/** Loads a server that counts POSTs, and that `spoil` may answer in place of; true: it has. */
async function loaded(
  spoil: Spoil,
  count: (id: string) => string[] = (id) => [id],
  ports = new Set<number | undefined>(),
): Promise<LoadReport> {
  const counted: string[] = [];
  let number = 0;
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    // Before anything is waited for: a connection that is closed has no port any more.
    if (request.url !== "/counted") ports.add(request.socket.remotePort);
    let id = "";
    for await (const chunk of request) id += String(chunk);
    if (request.url === "/counted") return void response.end(`${counted.join("\n")}\n`);
    if (await spoil(request, response, number++)) return;
    if (request.method === "POST") counted.push(...count(id));
    response.end(request.method === "POST" ? `counted ${id}\n` : "r1 17\n");
  };
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const load = startLoad(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { rate: 100, timeout: 2_000 });
  await sleep(1_000);
  return load.stop();
}

const seldom = (number: number) => number % 10 === 4;
const answer = (status: number, text: string): Spoil => {
  return (_, response, number) => seldom(number) && Boolean(response.writeHead(status).end(text));
};

test("a good server has no fault; half are POST, at the rate that was asked for, and each has its own connection", async () => {
  const ports = new Set<number | undefined>();
  const report = await loaded(() => false, undefined, ports);
  expect(report).toEqual({
    ...report,
    failed: {},
    examples: [],
    lost: [],
    repeated: [],
    releases: { r1: report.gets },
  });
  expect(report.requests).toBeGreaterThan(50);
  expect(Math.abs(report.gets - report.posts)).toBeLessThanOrEqual(1);
  expect(ports.size).toBe(report.requests);
  expect(showLoad(report)).toContain("none failed, 0 POST lost, 0 repeated");
});

const FAULTS: [what: string, kind: string, spoil: Spoil][] = [
  ["an error", "status 502", answer(502, "bad")],
  ["another answer than the application's", "wrong answer", answer(200, "It works!")],
  ["a reset", "ECONNRESET", (request, _, number) => seldom(number) && Boolean(request.socket.resetAndDestroy())],
  ["silence", "timeout", (_, __, number) => seldom(number)],
  [
    "half an answer",
    "cut short",
    (request, response, number) => {
      if (!seldom(number)) return false;
      response.writeHead(200, { "content-length": "6" }).write("r1 ");
      setTimeout(() => request.socket.end(), 20);
      return true;
    },
  ],
];

test.each(FAULTS)("%s is counted as %s", async (_, kind, spoil) => {
  const all = await loaded(spoil);
  console.log(all);
  const { failed, examples } = all;
  expect(failed).toEqual({ [kind]: expect.any(Number) as number });
  expect(failed[kind]).toBeGreaterThan(3);
  expect(examples[0]).toContain(`GET: ${kind}`);
});

test("a POST that was answered and not kept is lost; one that was kept twice is repeated", async () => {
  const lost = await loaded(
    () => false,
    (id) => (id.endsWith("3") ? [] : [id]),
  );
  expect([lost.failed, lost.repeated]).toEqual([{}, []]);
  expect(lost.lost?.length).toBeGreaterThan(3);
  const repeated = await loaded(
    () => false,
    (id) => (id.endsWith("3") ? [id, id] : [id]),
  );
  expect([repeated.failed, repeated.lost]).toEqual([{}, []]);
  expect(repeated.repeated?.length).toBeGreaterThan(3);
});

test("a server that stands still for a while is waited for by all that were due in it", async () => {
  let still: number | undefined;
  const report = await loaded(async (_, __, number) => {
    if (number === 30) still = performance.now() + 300;
    await sleep(Math.max(0, (still ?? 0) - performance.now()));
    return false;
  });
  expect(report.failed).toEqual({});
  // Thirty of at most a hundred: not one, as where a request is begun when the one before was answered.
  expect(report.p99).toBeGreaterThan(200);
  expect(report.p50).toBeLessThan(report.p99 / 2);
});
