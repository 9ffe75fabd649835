import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { lastLines } from "../../scripts/service/service-log.ts";
import { makeHost } from "../release/host.ts";
import { until } from "./tree.ts";

const host = makeHost("services:\n  web: { run: /bin/true }\n  worker: { run: /bin/true, stderr: log/worker.err }\n");
const web = host.tree("logs/web.log");
afterAll(() => host.clear());
beforeEach(() => {
  fs.rmSync(host.tree("logs"), { recursive: true, force: true });
  fs.mkdirSync(host.tree("logs"), { recursive: true });
});

test("the last lines of each service, with its name in front", () => {
  fs.writeFileSync(web, Array.from({ length: 60 }, (_, i) => `line ${i}\n`).join(""));
  fs.writeFileSync(host.tree("logs/worker.log"), "busy\nidle, and cut");
  const lines = host.must("service/logs").trimEnd().split("\n");
  expect(lines).toHaveLength(52);
  expect(lines[0]).toBe("web           | line 10");
  expect(lines.slice(-2)).toEqual(["worker        | busy", "worker        | idle, and cut"]);
  expect(host.must("service/logs", "web", "-n", "2")).toBe("line 58\nline 59\n");
});

test("a stream with a file of its own is told apart", () => {
  fs.mkdirSync(host.release("v1", "log"), { recursive: true });
  fs.writeFileSync(host.release("v1", "log/worker.err"), "oops\n");
  fs.symlinkSync("releases/v1", host.tree("current"));
  const text = host.must("service/logs", "worker");
  const found = host.json("service/logs", "worker");
  fs.unlinkSync(host.tree("current"));
  expect(text).toBe("worker stderr | oops\n");
  expect(found).toEqual([
    { service: "worker", path: host.tree("logs/worker.log"), lines: [] },
    { service: "worker", path: host.tree("current/log/worker.err"), lines: ["oops"] },
  ]);
});

test("wrong words are refused", () => {
  for (const words of [["nope"], ["-n", "0"], ["-n", "x"], ["-f", "--json"]])
    expect(host.run("service/logs", words).code).toBe(2);
});

test("a long file is read from its end, across blocks and letters of several bytes", () => {
  const lines = Array.from({ length: 5000 }, (_, i) => `${i} ${"ä→".repeat(20)}`);
  fs.writeFileSync(web, `${lines.join("\n")}\n`);
  expect(fs.statSync(web).size).toBeGreaterThan(4 * 64 * 1024);
  for (const count of [1, 700, 3000, 5000, 9000]) expect(lastLines(web, count)).toEqual(lines.slice(-count));
  expect(lastLines(host.tree("none"), 5)).toEqual([]);
});

const started: ChildProcess[] = [];
afterEach(() => started.splice(0).forEach((child) => child.kill("SIGKILL")));

/** `logs -f` as a process, with all that it printed. */
function following(...words: string[]) {
  const command = path.resolve(import.meta.dirname, "../../ops/service/logs.ts");
  const child = spawn(command, ["-f", ...words], {
    cwd: host.at("app"),
    env: { PATH: "/usr/bin:/bin" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.push(child);
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const end = once(child, "exit");
  return { child, text: () => text, sees: (wanted: string) => until(() => text.includes(wanted)), end };
}

test("following shows whole lines as they come, of files that come later, and over a rotation", async () => {
  fs.writeFileSync(web, "before\n");
  const { child, text, sees, end } = following();
  await sees("web           | before\n");
  fs.writeFileSync(host.tree("logs/worker.log"), "hello\n");
  await sees("worker        | hello\n");
  // Both are looked at equally often: when two lines of the one came one after the other, the half of the other did.
  fs.appendFileSync(web, "half a ");
  for (const line of ["one", "two"]) {
    fs.appendFileSync(host.tree("logs/worker.log"), `${line}\n`);
    await sees(`worker        | ${line}\n`);
  }
  fs.appendFileSync(web, "line\n");
  await sees("web           | half a line\n");
  fs.copyFileSync(web, `${web}.1`);
  fs.truncateSync(web);
  fs.appendFileSync(web, "after\n");
  await sees("web           | after\n");
  fs.renameSync(web, `${web}.2`);
  fs.writeFileSync(web, "new file\n");
  await sees("web           | new file\n");
  child.kill("SIGINT");
  expect((await end)[0]).toBe(130);
  for (const line of ["before", "after", "hello", "new file"]) expect(text().split(line)).toHaveLength(2);
});

test("following ends when nobody reads any more", async () => {
  fs.writeFileSync(web, "before\n");
  const { child, sees, end } = following("web");
  await sees("before");
  child.stdout.destroy();
  const timer = setInterval(() => fs.appendFileSync(web, "more\n"), 50);
  expect((await end)[0]).toBe(0);
  clearInterval(timer);
});
