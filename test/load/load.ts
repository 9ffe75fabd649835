/**
 * `ops/_bun test/load/load.ts URL [RATE] [TIMEOUT]`: loads an application like test/hosts/app until standard input ends,
 * and prints the report (LoadReport) as JSON. A request is begun when the clock says so, whatever became of those before,
 * and its time is counted from then: a service that stands still is not flattered.
 */
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { LoadReport } from "./loading.ts";

const [url = "", rate = "200", timeout = "20000"] = process.argv.slice(2);
const { hostname, port, host } = new URL(url);
const run = `load-${process.pid}`;

/** One request on a connection of its own: the body of a 200, or why there is none. */
function request(method: string, path: string, body = ""): Promise<{ body: string } | { failure: string }> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect({ host: hostname, port: Number(port || 80) });
    const end = (failure: string) => {
      socket.destroy();
      resolve({ failure });
    };
    const late = setTimeout(() => end("timeout"), Number(timeout));
    socket.on("data", (chunk: Buffer) => void chunks.push(chunk));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on("close", () => {
      clearTimeout(late);
      resolve(read(Buffer.concat(chunks).toString()));
    });
    const head = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, "Connection: close", `Content-Length: ${body.length}`];
    socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  });
}

/** An answer as it came, up to the end of its connection. */
function read(text: string): { body: string } | { failure: string } {
  const end = text.indexOf("\r\n\r\n");
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
  if (end < 0 || status === undefined) return { failure: "cut short" };
  if (status !== "200") return { failure: `status ${status}` };
  const body = text.slice(end + 4);
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))?.[1];
  return length === undefined || length === String(Buffer.byteLength(body)) ? { body } : { failure: "cut short" };
}

const report: LoadReport = {
  requests: 0,
  gets: 0,
  posts: 0,
  failed: {},
  examples: [],
  lost: undefined,
  repeated: undefined,
  releases: {},
  p50: 0,
  p99: 0,
  max: 0,
  late: 0,
};
const times: number[] = [];
const counted: string[] = [];

async function one(number: number, due: number): Promise<void> {
  report.late = Math.max(report.late, performance.now() - due);
  const isPost = number % 2 === 1;
  const id = `${run}-${number}`;
  report[isPost ? "posts" : "gets"]++;
  const answer = isPost ? await request("POST", "/count", id) : await request("GET", "/");
  times.push(performance.now() - due);
  const release = "body" in answer ? /^(\S+) \d+\n$/.exec(answer.body)?.[1] : undefined;
  if ("body" in answer && isPost && answer.body === `counted ${id}\n`) counted.push(id);
  else if (release !== undefined && !isPost) report.releases[release] = (report.releases[release] ?? 0) + 1;
  else fail(answer, `${(due - began).toFixed(0)} ms: ${isPost ? "POST" : "GET"}`);
}

function fail(answer: { body: string } | { failure: string }, which: string): void {
  const kind = "failure" in answer ? answer.failure : "wrong answer";
  report.failed[kind] = (report.failed[kind] ?? 0) + 1;
  const body = "body" in answer ? ` ${JSON.stringify(answer.body.slice(0, 80))}` : "";
  if (report.examples.length < 5) report.examples.push(`${which}: ${kind}${body}`);
}

process.stdin.resume();
const interval = 1000 / Number(rate);
const began = performance.now();
const waiting: Promise<void>[] = [];
while (!process.stdin.readableEnded) {
  for (let due = began + report.requests * interval; due <= performance.now(); due += interval)
    waiting.push(one(report.requests++, due));
  await sleep(Math.max(0, began + report.requests * interval - performance.now()));
}
await Promise.all(waiting);

const answer = await request("GET", "/counted");
if ("body" in answer) {
  const seen = new Map<string, number>();
  for (const id of answer.body.split("\n").filter((line) => line.startsWith(`${run}-`)))
    seen.set(id, (seen.get(id) ?? 0) + 1);
  report.lost = counted.filter((id) => !seen.has(id));
  report.repeated = [...seen].filter(([, count]) => count > 1).map(([id]) => id);
}
times.sort((a, b) => a - b);
const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
Object.assign(report, { p50: at(0.5), p99: at(0.99), max: at(1) });
process.stdout.write(`${JSON.stringify(report)}\n`);
