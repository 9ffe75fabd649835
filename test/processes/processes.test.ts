import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  environmentOf,
  isSameProcess,
  listeners,
  observeProcess,
  observeProcesses,
  startedAt,
  usersOfPath,
} from "../../scripts/processes/processes.ts";
import { isGone, until } from "../service/tree.ts";

let directory: string;
let children: ChildProcess[] = [];
beforeEach(() => {
  directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-processes-")));
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await until(() => children.every((child) => isGone(child.pid!)));
  children = [];
  fs.rmSync(directory, { recursive: true, force: true });
});

function run(program: string, args: string[], env: Record<string, string> = {}, isDetached = false): number {
  const child = spawn(program, args, {
    cwd: directory,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: "ignore",
    detached: isDetached,
  });
  children.push(child);
  return child.pid!;
}

test("tells what a process is", async () => {
  const pid = run("/bin/sleep", ["1000"], {}, true);
  await until(() => observeProcess(pid)?.command !== "sleep");
  expect(observeProcess(pid)).toMatchObject({
    pid,
    ppid: process.pid,
    pgid: pid,
    sid: pid,
    cwd: directory,
    command: "/bin/sleep 1000",
  });
  expect(observeProcess(pid)?.exe).toBe(fs.realpathSync("/bin/sleep"));
  expect(Math.abs(startedAt(observeProcess(pid)!).getTime() - Date.now())).toBeLessThan(2_000);
});

test("is not misled by a name with parentheses and blanks", () => {
  const program = path.join(directory, "a) S 1 (b");
  fs.copyFileSync("/bin/sleep", program);
  const pid = run(program, ["1000"]);
  expect(observeProcess(pid)).toMatchObject({ pid, ppid: process.pid });
});

test("one that is gone, or a zombie, is nothing", async () => {
  const pid = run("/bin/sh", ["-c", 'sleep 1000 & echo $! >pid; exec sleep 1000 <"$0"', "/dev/null"]);
  const inner = Number(
    await until(() => fs.existsSync(`${directory}/pid`) && fs.readFileSync(`${directory}/pid`, "utf8")),
  );
  await until(() => observeProcess(pid)?.command === "sleep 1000");
  process.kill(inner, "SIGKILL");
  // Its parent never collects it.
  await until(() => fs.readFileSync(`/proc/${inner}/stat`, "utf8").includes(") Z "));
  expect(observeProcess(inner)).toBeUndefined();
  expect(observeProcesses("X").all.map((one) => one.pid)).not.toContain(inner);
  expect(observeProcess(4_194_303)).toBeUndefined();
});

test("a pid with another start time is another process", () => {
  const pid = run("/bin/sleep", ["1000"]);
  const { startTime } = observeProcess(pid)!;
  expect(isSameProcess(pid, startTime)).toBe(true);
  expect(
    isSameProcess(
      pid,
      startTime.replace(/^\d+/, (ticks) => String(Number(ticks) - 1)),
    ),
  ).toBe(false);
  expect(
    isSameProcess(
      pid,
      startTime.replace(/.$/, (last) => (last === "0" ? "1" : "0")),
    ),
  ).toBe(false);
});

test("shows an environment, however long", () => {
  const long = "x".repeat(100_000);
  const pid = run("/bin/sleep", ["1000"], { LONG: long, LAST: "a=b\nc" });
  expect(environmentOf(pid)).toMatchObject({ LONG: long, LAST: "a=b\nc" });
  expect(environmentOf(4_194_303)).toBeUndefined();
});

test("finds the mark as a whole variable only", () => {
  const first = run("/bin/sleep", ["1000"], { MARK_A: "one" });
  const second = run("/bin/sleep", ["1000"], { XMARK_A: "two", Y: "MARK_A=three" });
  const { marks } = observeProcesses("MARK_A");
  expect(marks.get(first)).toBe("one");
  expect(marks.has(second)).toBe(false);
});

test("does not overlook one that is just being executed", () => {
  // No file of its own: one just written cannot be executed while another thread's child still holds it open (ETXTBSY).
  const again = 'exec /bin/sh -c "$0" "$0"';
  const pid = run("/bin/sh", ["-c", again, again], { MARK_B: "x" });
  for (let look = 0; look < 100; look++) expect(observeProcesses("MARK_B").marks.get(pid)).toBe("x");
});

// There a session led from outside is 0, as the kernel's own is.
test.skipIf(process.getuid?.() !== 0 || process.platform !== "linux")(
  "nor in a pid namespace of its own (needs root)",
  () => {
    const again = 'exec /bin/sh -c "$0" "$0"';
    const code = `
    const { observeProcesses } = await import(${JSON.stringify(path.join(import.meta.dirname, "../../scripts/processes/processes.ts"))});
    const { pid } = Bun.spawn(["/bin/sh", "-c", ${JSON.stringify(again)}, ${JSON.stringify(again)}], { env: { MARK_C: "x" } });
    let seen = 0;
    for (let look = 0; look < 300; look++) if (observeProcesses("MARK_C").marks.get(pid) === "x") seen++;
    console.log(seen);
    process.kill(pid, "SIGKILL");`;
    const options = ["--pid", "--fork", "--mount-proc", "--kill-child", process.execPath, "-e", code];
    expect(execFileSync("unshare", options, { encoding: "utf8" })).toBe("300\n");
  },
);

const listen = (options: net.ListenOptions) =>
  new Promise<net.Server>((resolve) => {
    const server: net.Server = net.createServer().listen(options, () => resolve(server));
  });

test.each(["127.0.0.1", "::1", "::"])("finds who listens on a port of %s", async (host) => {
  const server = await listen({ host, port: 0 });
  const { port } = server.address() as net.AddressInfo;
  expect(listeners(port)).toEqual([process.pid]);
  expect(listeners(port, [process.pid])).toEqual([process.pid]);
  expect(listeners(port, [run("/bin/sleep", ["1000"])])).toEqual([process.pid]);
  await new Promise((resolve) => server.close(resolve));
  expect(listeners(port)).toEqual([]);
});

test("a connection to a port is not a listener", async () => {
  const server = await listen({ host: "127.0.0.1", port: 0 });
  const client = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
  await new Promise((resolve) => client.once("connect", resolve));
  expect(listeners(client.localPort!)).toEqual([]);
  client.destroy();
  server.close();
});

test("names everything that uses a directory, and how", async () => {
  const release = path.join(directory, "r1");
  fs.mkdirSync(path.join(release, "sub"), { recursive: true });
  fs.mkdirSync(path.join(directory, "r10"));
  fs.copyFileSync("/bin/sleep", path.join(release, "sleep"));
  fs.writeFileSync(path.join(release, "data"), "");
  const cwd = run("/bin/sh", ["-c", "cd r1/sub; exec sleep 1000"]);
  const exe = run(path.join(release, "sleep"), ["1000"]);
  const open = run("/bin/sh", ["-c", "exec sleep 1000 <r1/data"]);
  const other = run("/bin/sh", ["-c", "cd r10; exec sleep 1000"]);
  await until(() => [cwd, open, other].every((pid) => observeProcess(pid)?.command === "sleep 1000"));
  const uses = () => usersOfPath(release).map(({ pid, how }) => [pid, how]);
  const all = [
    [cwd, "cwd"],
    [exe, "exe"],
    [open, "open file"],
  ];
  expect(uses()).toEqual(expect.arrayContaining(all));
  expect(uses()).toHaveLength(3);
  expect(usersOfPath(release, [cwd, exe, open])).toEqual([]);
  fs.rmSync(path.join(release, "sub"), { recursive: true });
  expect(uses()).toEqual(expect.arrayContaining(all));
  expect(usersOfPath(release).find(({ pid }) => pid === exe)?.command).toBe(`${release}/sleep 1000`);
  expect(usersOfPath(path.join(directory, "none"))).toEqual([]);
  fs.rmSync(path.join(directory, "r10"), { recursive: true });
  expect(usersOfPath(path.join(directory, "r10"))).toEqual([
    { pid: other, how: "cwd", command: "sleep 1000", file: `${directory}/r10 (deleted)` },
  ]);
});
