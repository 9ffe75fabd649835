/** A call on its host, with real processes and without ssh: `attend` is given its lines on a pipe. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { treePaths } from "../../scripts/core/paths.ts";
import { FrameReader } from "../../scripts/remote/frames.ts";
import { KeptCall } from "../../scripts/remote/kept-call.ts";
import { startKeeper } from "../../scripts/remote/keeper.ts";
import { keepManifest } from "../../scripts/remote/sent.ts";
import type { Header } from "../../scripts/remote/header.ts";
import { tellOthers } from "../../scripts/remote/tell.ts";

let tree: string;
const paths = () => treePaths(tree);
const newToken = () => randomBytes(16).toString("hex");
const MINUTE = 60_000;

beforeEach(() => {
  tree = fs.mkdtempSync(path.join(os.tmpdir(), "kept call's-"));
});
afterEach(() => fs.rmSync(tree, { recursive: true }));

const header = (more: Partial<Header> = {}): Header => ({
  token: newToken(),
  deployTo: tree,
  command: "release/list",
  words: [],
  manifest: `app: demo\ndeploy_to: ${JSON.stringify(tree)}\nenvironments: {prod: {hosts: web1}}\n`,
  environment: "prod",
  host: "web1",
  env: {},
  from: "jan@laptop",
  isReading: false,
  offsets: { out: 0, err: 0 },
  isStopping: false,
  isDone: false,
  reconnectSec: 60,
  ...more,
});

/** A call of a command of the test's own. */
function begin(words: string[], { begunAt = new Date(), reconnectSec = 60 } = {}): KeptCall {
  const call = new KeptCall(paths(), newToken());
  call.make({
    command: "release/deploy",
    words: ["v2.0.0"],
    environment: "prod",
    from: "jan@laptop",
    begunAt: begunAt.toISOString(),
    reconnectSec,
  });
  startKeeper(call, words, { env: process.env, outside: [] });
  return call;
}

async function until(look: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; !look(); await sleep(5))
    if (performance.now() > end) throw new Error("it never came");
}

test("many keepers of one call: one begins it; its exit code is a name, and a service that it leaves behind holds nothing", async () => {
  const count = path.join(tree, "count");
  const words = ["sh", "-c", `echo began >>"$0"; pwd; echo oops >&2; sleep 60 & echo $! >"$0.pid"; exit 7`, count];
  const call = begin(words);
  for (let more = 0; more < 8; more++) startKeeper(call, words, { env: process.env, outside: [] });
  try {
    await until(() => call.state.exit !== undefined && !call.isAlive);
  } finally {
    process.kill(Number(fs.readFileSync(`${count}.pid`, "utf8")));
  }
  expect(call.state).toEqual({ exit: 7 });
  expect(fs.readFileSync(count, "utf8")).toBe("began\n");
  expect([fs.readFileSync(call.at("out"), "utf8"), fs.readFileSync(call.at("err"), "utf8")]).toEqual([
    `${tree}\n`,
    "oops\n",
  ]);
  expect(fs.statSync(call.folder).mode & 0o777).toBe(0o700);
});

test("a keeper that is killed is no longer alive, and the next command says that it was cut off", async () => {
  const call = begin(["sleep", "30"], { begunAt: new Date(Date.now() - MINUTE) });
  await until(() => call.state.pid !== undefined && call.isAlive);
  const pid = call.state.pid as number;
  expect(tellOthers(paths(), newToken())[0]).toMatch(
    /^still at work since .* UTC, for jan@laptop: deploy release v2.0.0 prod$/,
  );
  const keeper = Number(spawnSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" }).stdout);
  process.kill(keeper, "SIGKILL");
  process.kill(pid, "SIGKILL");
  await until(() => !call.isAlive);
  expect(tellOthers(paths(), newToken())[0]).toContain("was cut off");
  expect(tellOthers(paths(), newToken())).toEqual([]);
});

test("what ended unseen is told once, with its last lines, and taken away when nobody can come back for it", async () => {
  const call = begin(["seq", "9"], { begunAt: new Date("2026-11-20T12:30:00Z"), reconnectSec: 0 });
  await until(() => call.state.exit !== undefined);
  const held = call.hold() as number;
  expect(tellOthers(paths(), newToken())).toEqual([]);
  fs.closeSync(held);
  expect(tellOthers(paths(), newToken())).toEqual([
    "deploy release v2.0.0 prod, of 2026-11-20 12:30 UTC, for jan@laptop, whose connection was lost, ended with exit code 0:",
    ...[5, 6, 7, 8, 9].map((line) => `    ${line}`),
  ]);
  expect([tellOthers(paths(), newToken()), call.isThere]).toEqual([[], true]);
  const past = new Date(Date.now() - MINUTE);
  fs.utimesSync(call.at("call.json"), past, past);
  expect([tellOthers(paths(), newToken()), call.isThere, call.isDone]).toEqual([[], false, true]);
});

test("of those that nobody asked for, the newest fifty are told, and none of a month ago", async () => {
  const calls = Array.from({ length: 53 }, (_, index) => {
    const call = new KeptCall(paths(), newToken());
    const begunAt = new Date(Date.UTC(2026, 0, 1, 0, index)).toISOString();
    call.make({ command: "release/prune", words: [], environment: "prod", from: "x", begunAt, reconnectSec: 0 });
    fs.renameSync(call.at("slot"), call.at("exit-0"));
    const seen = new Date(Date.now() - (index === 52 ? 31 * 24 * 60 : 5) * MINUTE);
    fs.utimesSync(call.at("call.json"), seen, seen);
    return call;
  });
  expect(tellOthers(paths(), newToken()).length).toBe(49);
  expect(calls.filter((call) => call.isThere)).toEqual([]);
});

test("twenty manifests are kept, for their owner's eyes, and one that is sent again is not written again", () => {
  const first = keepManifest(paths(), header());
  expect(fs.statSync(first).mode & 0o777).toBe(0o600);
  expect(fs.readFileSync(first, "utf8")).toMatch(/\n# switchback: origin=\S+ deploy_to=\S+ env=prod host=web1\n$/);
  const { ino } = fs.statSync(first);
  for (let index = 0; index < 25; index++) {
    const file = keepManifest(paths(), header({ manifest: `app: demo${index}\n` }));
    const time = new Date(Date.now() - (100 - index) * MINUTE);
    fs.utimesSync(file, time, time);
    expect(keepManifest(paths(), header())).toBe(first);
  }
  expect(fs.statSync(first).ino).toBe(ino);
  expect(fs.readdirSync(path.dirname(first)).length).toBe(20);
});

interface Attending {
  child: ChildProcess;
  frames: string[];
  ended: Promise<number | null>;
}

function attend(lines: (string | object)[]): Attending {
  const suite = path.resolve(import.meta.dirname, "../..");
  const child = spawn(path.join(suite, "ops/host/attend.ts"), [], { stdio: ["pipe", "pipe", "inherit"] });
  const reader = new FrameReader();
  const frames: string[] = [];
  child.stdout.on("data", (chunk: Buffer) => {
    for (const { kind, data } of reader.push(chunk)) frames.push(data.length > 0 ? `${kind} ${data.toString()}` : kind);
  });
  for (const line of lines) child.stdin.write(`${typeof line === "string" ? line : JSON.stringify(line)}\n`);
  return { child, frames, ended: new Promise((resolve) => void child.once("close", resolve)) };
}

test("a call that is attended twice prints to each what it has not, is forgotten when all has arrived, and never begins again", async () => {
  const words = ["--help"];
  const first = attend([header({ words, token: "0".repeat(32) })]);
  await until(() => first.frames.includes("end 0"));
  const out = first.frames
    .filter((one) => one.startsWith("out "))
    .map((one) => one.slice(4))
    .join("");
  expect(out).toContain("Usage: ops/release/list.ts");
  // Its connection is lost before it could say that all has arrived.
  first.child.stdin?.end();
  expect(await first.ended).toBe(0);
  const second = attend([header({ words, token: "0".repeat(32), offsets: { out: out.length - 10, err: 0 } })]);
  await until(() => second.frames.includes("end 0"));
  expect(second.frames).toEqual(["hello", "begun", `out ${out.slice(-10)}`, "end 0"]);
  second.child.stdin?.write("done\n");
  expect(await second.ended).toBe(0);
  expect(second.frames.at(-1)).toBe("bye");
  // A connection that was on its way all the time.
  const third = attend([header({ words, token: "0".repeat(32) })]);
  expect(await third.ended).toBe(0);
  expect(third.frames).toEqual(["hello", "bye"]);
  expect(fs.readdirSync(path.join(tree, "run/calls"))).toEqual([`.done-${"0".repeat(32)}`]);
});

test("what is asked to begin, and was not before the connection was lost, is begun by the next one", async () => {
  const token = newToken();
  const call = new KeptCall(paths(), token);
  call.make({
    command: "release/list",
    words: [],
    environment: "prod",
    from: "x",
    begunAt: "2026-01-01",
    reconnectSec: 60,
  });
  const { frames, child, ended } = attend([header({ token, words: ["--help"] })]);
  await until(() => frames.includes("end 0"));
  child.stdin?.end();
  await ended;
});

test("nobody's call is taken for one", async () => {
  const { child, ended } = attend([header({ token: "../../x" })]);
  expect(await ended).toBe(2);
  child.stdin?.destroy();
});
