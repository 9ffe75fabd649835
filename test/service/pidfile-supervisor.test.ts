import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FailedError, UsageError } from "../../scripts/core/errors.ts";
import { observeProcess } from "../../scripts/processes/processes.ts";
import { isGone, makeTree, until, written } from "./tree.ts";

const here = path.dirname(fileURLToPath(import.meta.url));
const bun = path.join(here, "../../ops/_bun");

let tree: ReturnType<typeof makeTree>;
beforeEach(() => {
  tree = makeTree();
});
afterEach(() => tree.clear());

const observe = (name = "api") => tree.supervisor.observe(name);
const stop = (timeout = 2_000, name = "api") => tree.supervisor.stop(name, timeout);

const write = (text: string) => {
  fs.mkdirSync(tree.at("run"), { recursive: true });
  fs.writeFileSync(tree.pidfile(), text);
};

const foreignPid = () =>
  fs
    .readdirSync("/proc")
    .map(Number)
    .find((pid) => pid > 1 && fs.statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === 0);

const call = (run: string, ...more: string[]) =>
  [
    path.join(here, "start-and-exit.ts"),
    JSON.stringify({ place: tree.place, definition: tree.define(run) }),
    ...more,
  ] as const;

const linkOf = (file: string) => {
  try {
    return fs.readlinkSync(file);
  } catch {
    return undefined;
  }
};

describe("start", () => {
  test("runs the service in its directory of the release, in a session of its own", async () => {
    const { pid, startTime, already } = await tree.start(tree.define("sleep 1000"));
    expect(already).toBe(false);
    expect(observeProcess(pid)).toMatchObject({ sid: pid, pgid: pid, startTime, cwd: tree.at("releases/r1/app") });
    expect(fs.readFileSync(tree.pidfile(), "utf8")).toBe(`${pid}\n${startTime}\n`);
    const state = await observe();
    expect(state).toMatchObject({
      name: "api",
      state: "running",
      pid,
      startTime,
      releaseId: "r1",
      processes: [pid],
      pidFile: "ok",
    });
    expect(Math.abs(state.startedAt!.getTime() - Date.now())).toBeLessThan(2_000);
  });

  test("hands over words, environment and umask", async () => {
    const run = tree.script(
      "show",
      'printf "%s|" "$0" "$@" "$RELEASE_ID" "$PORT" "$SWITCHBACK_SERVICE"; umask; umask >done; exec sleep 1000',
    );
    const mask = process.umask(0o077);
    await tree.start(
      tree.define(`${run} 'a b' "\${GREETING}" \${NONE}`, { env: { GREETING: "good day", NONE: "" }, port: 8001 }),
    );
    expect(process.umask(mask)).toBe(0o077);
    await written(tree.at("current/app/done"));
    expect(tree.log()).toBe(`${tree.at("releases/r1/app/show")}|a b|good day||r1|8001|${tree.deployTo}#api|0022\n`);
  });

  test("appends to the log, and shows its last lines", async () => {
    const definition = tree.define(tree.script("say", "echo out; echo err >&2; echo $$ >>done; exec sleep 1000"));
    for (const round of [1, 2]) {
      await tree.start(definition);
      await until(() => tree.log().match(/err/g)?.length === round);
      await stop();
    }
    expect(tree.log()).toBe("out\nerr\nout\nerr\n");
    expect(fs.statSync(tree.at("logs/api.log")).mode & 0o777).toBe(0o640);
    expect(tree.supervisor.lastLogLines(definition, 3)).toEqual(["err", "out", "err"]);
    expect(tree.supervisor.lastLogLines(definition, 0)).toEqual([]);
    expect(tree.supervisor.lastLogLines(tree.define("x", { name: "none" }), 3)).toEqual([]);
  });

  test("takes the last lines of a long log, none of them cut", async () => {
    const definition = tree.define("sleep 1000");
    fs.mkdirSync(tree.at("logs"));
    fs.writeFileSync(tree.at("logs/api.log"), `${"x".repeat(100)}\n`.repeat(10_000));
    const lines = tree.supervisor.lastLogLines(definition, 5_000);
    expect(lines.length).toBeGreaterThan(500);
    expect(new Set(lines.map((line) => line.length))).toEqual(new Set([100]));
  });

  test("writes where stdout and stderr say", async () => {
    const run = tree.script("say", "echo out; echo err >&2; exec sleep 1000");
    const definition = tree.define(run, { stdout: "var/out.log", stderr: tree.at("elsewhere/err.log") });
    await tree.start(definition);
    expect(await written(tree.at("elsewhere/err.log"))).toBe("err\n");
    expect(fs.readFileSync(tree.at("releases/r1/var/out.log"), "utf8")).toBe("out\n");
    expect(tree.supervisor.lastLogLines(definition, 5)).toEqual(["err"]);
  });

  test("tells that it runs already, and starts no second one", async () => {
    const definition = tree.define("sleep 1000");
    const first = await tree.start(definition);
    expect(await tree.start(definition)).toMatchObject({ already: true, pid: first.pid, startTime: first.startTime });
    expect((await observe()).processes).toEqual([first.pid]);
  });

  test("finds the service again when its pid file was deleted, and writes it again", async () => {
    const definition = tree.define("sleep 1000");
    const { pid } = await tree.start(definition);
    const text = fs.readFileSync(tree.pidfile(), "utf8");
    fs.rmSync(tree.pidfile());
    expect(await observe()).toMatchObject({ state: "running", pid, pidFile: "missing", releaseId: "r1" });
    expect(await tree.start(definition)).toMatchObject({ already: true, pid });
    expect(fs.readFileSync(tree.pidfile(), "utf8")).toBe(text);
    expect(await observe()).toMatchObject({ pidFile: "ok" });
  });

  test("runs anew after it was killed by hand", async () => {
    const definition = tree.define("sleep 1000");
    const { pid } = await tree.start(definition);
    process.kill(pid, "SIGKILL");
    await until(() => isGone(pid));
    expect(await observe()).toEqual({ name: "api", state: "stale", processes: [], pidFile: "stale" });
    const again = await tree.start(definition);
    expect(again).toMatchObject({ already: false });
    expect(again.pid).not.toBe(pid);
    expect(await observe()).toMatchObject({ state: "running", pid: again.pid, pidFile: "ok" });
  });

  test("keeps two services apart", async () => {
    const one = await tree.start(tree.define("sleep 1000", { name: "api" }));
    const two = await tree.start(tree.define("sleep 1000", { name: "api2" }));
    expect(await observe("api")).toMatchObject({ processes: [one.pid] });
    expect(await stop(2_000, "api")).toMatchObject({ pids: [one.pid] });
    expect(await observe("api2")).toMatchObject({ state: "running", processes: [two.pid], pidFile: "ok" });
  });

  test("fills %i with the instance", async () => {
    await tree.start(tree.define(`${tree.script("say", 'echo "$@"; exec sleep 1000')} %i`, { name: "web@main" }));
    expect(await until(() => tree.log("web@main"))).toBe("main\n");
  });

  test("notices a program that ends at once", async () => {
    const definition = tree.define("true");
    const { pid } = await tree.start(definition);
    await until(() => isGone(pid));
    expect(await observe()).toMatchObject({ state: "stale" });
    expect(await tree.start(definition)).toMatchObject({ already: false });
  });

  test("takes its program from where a linked directory really is", async () => {
    fs.mkdirSync(tree.at("shared/data"), { recursive: true });
    fs.symlinkSync("../../shared/data", tree.at("current/data"));
    fs.writeFileSync(tree.at("shared/tool"), "#!/bin/sh\nexec sleep 1000\n", { mode: 0o755 });
    const { pid } = await tree.start(tree.define("../tool", { dir: "data" }));
    expect(observeProcess(pid)?.cwd).toBe(tree.at("shared/data"));
  });

  test.each([
    ["its working directory", "exec env -i sleep 1000"],
    ["its environment, when it works elsewhere", "cd /; exec sleep 1000"],
  ])("tells its release by %s", async (_, command) => {
    const { pid } = await tree.start(tree.define(tree.script("go", command)));
    await until(() => observeProcess(pid)?.command === "sleep 1000");
    expect(await observe()).toMatchObject({ state: "running", releaseId: "r1" });
  });

  test("passes on what is wrong in an environment file", async () => {
    fs.writeFileSync(tree.at("current/.env"), "export A=1\n");
    const { warnings } = await tree.start(tree.define("sleep 1000", { env_file: [".env"] }));
    expect(warnings).toEqual([expect.stringContaining(".env:1: ")]);
  });
});

describe("a service that cannot start", () => {
  const isRoot = process.getuid?.() === 0;
  const rows: [
    string,
    string,
    { dir?: string; env_file?: string[]; env?: Record<string, string> },
    typeof UsageError | typeof FailedError,
    RegExp,
  ][] = [
    [
      "its directory is not built",
      "sleep 1",
      { dir: "frontend" },
      UsageError,
      /^services\.api: its directory .*\/r1\/frontend does not exist: it is not built in release r1/,
    ],
    ["its directory is a file", "sleep 1", { dir: "app/text" }, UsageError, /app\/text does not exist/],
    [
      "its program is not built",
      "./venv/bin/uvicorn x",
      {},
      UsageError,
      /r1\/app\/venv\/bin\/uvicorn does not exist: it is not built in this release/,
    ],
    [
      "no such program in PATH",
      "no-such-program",
      { env: { PATH: "/usr/bin:/bin" } },
      UsageError,
      /no program "no-such-program" in PATH=\/usr\/bin:\/bin/,
    ],
    ["it is not executable", "./text", {}, UsageError, /app\/text is not executable for this user/],
    ["it is a directory", "../app", {}, UsageError, /r1\/app is a directory, not a program/],
    [
      "its interpreter is missing",
      "./no-interpreter",
      {},
      FailedError,
      /its first line names \/no\/such\/sh, which does not exist/,
    ],
    ["it is no program", "./garbage", {}, FailedError, /neither a program of this machine nor a script/],
    [
      "its environment file is missing",
      "sleep 1",
      { env_file: [".env"] },
      UsageError,
      /env_file .*\/r1\/\.env: does not exist/,
    ],
    [
      "a variable is not set",
      "sleep ${N}",
      {},
      UsageError,
      /^services\.api\.run: \$\{N\} is not in the service's environment/,
    ],
    ["it wants a shell", "sleep 1 && sleep 2", {}, UsageError, /^services\.api\.run: .*no shell here/],
  ];

  test.each(rows)("%s", async (_, run, change, type, message) => {
    fs.writeFileSync(tree.at("current/app/text"), "x", { mode: 0o644 });
    fs.writeFileSync(tree.at("current/app/no-interpreter"), "#!/no/such/sh\n", { mode: 0o755 });
    fs.writeFileSync(tree.at("current/app/garbage"), "\x01\x02garbage", { mode: 0o755 });
    const error = await tree.start(tree.define(run, change)).catch((thrown: Error) => thrown);
    expect(error).toBeInstanceOf(type);
    expect((error as Error).message).toMatch(message);
    expect(await observe()).toMatchObject({ state: "stopped", pidFile: "missing" });
  });

  test("nothing is deployed yet", () => {
    fs.rmSync(tree.at("current"));
    expect(() => tree.release()).toThrow(UsageError);
    expect(() => tree.release()).toThrow(/names no release: nothing is deployed/);
  });

  test.skipIf(isRoot)("its log cannot be written (needs an ordinary user: root can)", async () => {
    fs.mkdirSync(tree.at("logs"), { mode: 0o555 });
    await expect(tree.start(tree.define("sleep 1"))).rejects.toThrow(/its log .* cannot be opened \(EACCES\)/);
  });

  test("leaves no descriptor of this process open, nor does a start", async () => {
    fs.writeFileSync(tree.at("current/app/no-interpreter"), "#!/no/such/sh\n", { mode: 0o755 });
    const round = async () => {
      await tree.start(tree.define("./no-interpreter")).catch(() => {});
      await tree.start(tree.define("sleep 1000"));
      await stop();
    };
    const openLogs = () =>
      fs
        .readdirSync("/proc/self/fd")
        .map((fd) => linkOf(`/proc/self/fd/${fd}`))
        .filter((file) => file === tree.at("logs/api.log"));
    await round();
    expect(openLogs()).toEqual([]);
  });
});

describe("stop", () => {
  test("ends it by TERM and removes the pid file", async () => {
    const run = tree.script(
      "tidy",
      "trap 'echo bye >said; exit 0' TERM",
      "echo ready >ready",
      "while :; do sleep 0.01; done",
    );
    const { pid } = await tree.start(tree.define(run));
    await written(tree.at("current/app/ready"));
    expect(await stop()).toMatchObject({ already: false, wasKilled: false, pids: expect.arrayContaining([pid]) });
    expect(fs.readFileSync(tree.at("current/app/said"), "utf8")).toBe("bye\n");
    expect(fs.existsSync(tree.pidfile())).toBe(false);
    expect(await observe()).toEqual({ name: "api", state: "stopped", processes: [], pidFile: "missing" });
  });

  test("is content when nothing runs", async () => {
    expect(await stop()).toEqual({ already: true, wasKilled: false, pids: [] });
  });

  test("removes a stale pid file", async () => {
    const { pid } = await tree.start(tree.define("sleep 1000"));
    process.kill(pid, "SIGKILL");
    await until(() => isGone(pid));
    expect(await stop()).toEqual({ already: true, wasKilled: false, pids: [] });
    expect(fs.existsSync(tree.pidfile())).toBe(false);
  });

  test("kills what ignores TERM, after the timeout", async () => {
    const run = tree.script("deaf", "trap '' TERM HUP INT", "echo ready >ready", "while :; do sleep 0.05; done");
    const { pid } = await tree.start(tree.define(run));
    await written(tree.at("current/app/ready"));
    const began = performance.now();
    expect(await stop(300)).toMatchObject({ already: false, wasKilled: true });
    expect(performance.now() - began).toBeGreaterThanOrEqual(300);
    expect(isGone(pid)).toBe(true);
  });

  test("waits for the last of its processes", async () => {
    const run = tree.script(
      "family",
      "sh -c 'trap \"sleep 0.3; exit\" TERM; echo $$ >slow; while :; do sleep 0.01; done' &",
      "exec sleep 1000",
    );
    await tree.start(tree.define(run));
    const slow = Number(await written(tree.at("current/app/slow")));
    expect(await stop()).toMatchObject({ wasKilled: false, pids: expect.arrayContaining([slow]) });
    expect(isGone(slow)).toBe(true);
  });

  test("reaches one that left by a double fork with a session of its own", async () => {
    const run = tree.script("fork", "(setsid sh -c 'echo $$ >escaped; exec sleep 1000' &)", "exec sleep 1000");
    const { pid } = await tree.start(tree.define(run));
    const escaped = Number(await written(tree.at("current/app/escaped")));
    await until(() => observeProcess(escaped)?.ppid !== pid && observeProcess(escaped)?.sid === escaped);
    expect((await observe()).processes).toEqual([pid, escaped]);
    expect(await stop()).toMatchObject({ wasKilled: false, pids: [pid, escaped] });
    expect(isGone(escaped)).toBe(true);
  });

  test("reaches a daemon whose first process is gone, and one without an environment in its session", async () => {
    const run = tree.script("daemon", "(env -i sh -c 'echo $$ >bare; exec /bin/sleep 1000' &)", "exec sleep 1000");
    await tree.start(tree.define(run));
    const bare = Number(await written(tree.at("current/app/bare")));
    await stop();
    expect(isGone(bare)).toBe(true);

    const definition = tree.define(tree.script("daemon", "(setsid sh -c 'echo $$ >left; exec sleep 1000' &)"));
    const { pid } = await tree.start(definition);
    const left = Number(await written(tree.at("current/app/left")));
    await until(() => isGone(pid));
    expect(await observe()).toMatchObject({ state: "running", pid: left, pidFile: "stale" });
    expect(await tree.start(definition)).toMatchObject({ already: true, pid: left });
    expect(await observe()).toMatchObject({ pid: left, pidFile: "ok" });
    expect(await stop()).toMatchObject({ pids: [left] });
  });

  test("ends what is started while it stops", async () => {
    const head = `setsid sh -c 'trap : TERM; echo $$ >head; trap - TERM; exec sleep 1000' &`;
    fs.writeFileSync(tree.at("current/app/grow"), `${head}\nwhile [ ! -e head ]; do sleep 0.01; done\n`);
    const run = tree.script("hydra", "trap '. ./grow; exit' TERM", "echo ready >ready", "while :; do sleep 0.01; done");
    await tree.start(tree.define(run));
    await written(tree.at("current/app/ready"));
    const { pids, wasKilled } = await stop();
    const grown = Number(fs.readFileSync(tree.at("current/app/head"), "utf8"));
    expect(wasKilled).toBe(false);
    expect(pids).toContain(grown);
    expect(isGone(grown)).toBe(true);
  });

  test("ends one that is suspended", async () => {
    const { pid } = await tree.start(tree.define("sleep 1000"));
    process.kill(pid, "SIGSTOP");
    await until(() => observeProcess(pid)?.state === "T");
    expect(await stop()).toMatchObject({ wasKilled: false, pids: [pid] });
  });

  test("finds it without a pid file", async () => {
    const { pid } = await tree.start(tree.define("sleep 1000"));
    fs.rmSync(tree.pidfile());
    expect(await stop()).toMatchObject({ already: false, pids: [pid] });
  });
});

describe("a pid file that lies", () => {
  function bystander(): number {
    const child = spawn("/bin/sleep", ["1000"], { stdio: "ignore", detached: true });
    after.push(() => child.kill("SIGKILL"));
    return child.pid!;
  }
  let after: (() => void)[] = [];
  afterEach(() => {
    after.forEach((clean) => clean());
    after = [];
  });

  test.each([
    [
      "of a pid that was given out again",
      (pid: number) => `${pid}\n1 ${observeProcess(pid)!.startTime.split(" ")[1]}\n`,
    ],
    ["of another boot", (pid: number) => `${pid}\n${observeProcess(pid)!.startTime.replace(/ .*/, " other")}\n`],
    ["with a pid only, of a process without our mark", (pid: number) => `${pid}\n`],
    ["that is broken", () => "x\n"],
  ])("%s: nothing is signalled", async (_, text) => {
    const pid = bystander();
    write(text(pid));
    expect(await observe()).toEqual({ name: "api", state: "stale", processes: [], pidFile: "stale" });
    expect(await stop()).toMatchObject({ already: true, pids: [] });
    expect(isGone(pid)).toBe(false);
    expect(fs.existsSync(tree.pidfile())).toBe(false);
    write(text(pid));
    const started = await tree.start(tree.define("sleep 1000"));
    expect(started).toMatchObject({ already: false });
    await stop();
    expect(isGone(pid)).toBe(false);
  });

  test("with a pid only, of a process with our mark, is believed", async () => {
    const { pid } = await tree.start(tree.define("sleep 1000"));
    write(`${pid}\n`);
    expect(await observe()).toMatchObject({ state: "running", pid, pidFile: "ok" });
  });

  test("copied with its tree names the other tree's process, and it is left alone", async () => {
    const { pid } = await tree.start(tree.define("sleep 1000"));
    const copy = makeTree();
    after.push(() => fs.rmSync(copy.deployTo, { recursive: true, force: true }));
    fs.cpSync(tree.at("run"), copy.at("run"), { recursive: true });
    expect(await copy.supervisor.observe("api")).toMatchObject({ state: "stale", processes: [] });
    expect(await copy.supervisor.stop("api", 500)).toMatchObject({ already: true });
    expect(isGone(pid)).toBe(false);
  });

  test("moved with its tree still finds the process", async () => {
    const old = makeTree();
    const { pid } = await old.start(old.define("sleep 1000"));
    fs.rmSync(tree.deployTo, { recursive: true });
    fs.renameSync(old.deployTo, tree.deployTo);
    tree.define("sleep 1000");
    expect(await observe()).toMatchObject({ state: "running", pid, pidFile: "ok", releaseId: "r1" });
    expect(await stop()).toMatchObject({ pids: [pid] });
  });

  test.skipIf(process.getuid?.() === 0)("names a process of another user (needs an ordinary user)", async () => {
    write(`1\n`);
    expect(await observe()).toMatchObject({ state: "stale" });
    const startTime = observeProcess(await until(() => foreignPid()))!.startTime;
    write(`${foreignPid()}\n${startTime}\n`);
    expect(await observe()).toMatchObject({ state: "running", pidFile: "foreign", processes: [] });
    const error = await stop().catch((thrown: Error) => thrown);
    expect(error).toBeInstanceOf(FailedError);
    expect((error as Error).message).toMatch(/runs as pid \d+ of user \d+, which this user cannot signal/);
    await expect(tree.start(tree.define("sleep 1000"))).rejects.toThrow(/which this user cannot signal/);
    fs.rmSync(tree.pidfile());
  });
});

describe("the caller", () => {
  test("does not keep its pipe, its lock or any descriptor in the service", async () => {
    const [script, input] = call("sleep 1000");
    const lock = tree.at("lock");
    const shell = `exec 9>${lock}; exec 8</etc/passwd; ${bun} "$0" "$1" | cat`;
    const run = spawnSync("/bin/bash", ["-c", shell, script, input], { encoding: "utf8", timeout: 20_000 });
    expect(run.signal).toBe(null);
    const pid = Number(run.stdout);
    expect(isGone(pid)).toBe(false);
    const open = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => `${fd} ${fs.readlinkSync(`/proc/${pid}/fd/${fd}`)}`);
    expect(open).toEqual(["0 /dev/null", `1 ${tree.at("logs/api.log")}`, `2 ${tree.at("logs/api.log")}`]);
    expect(spawnSync("flock", ["-n", lock, "true"]).status).toBe(0);
  }, 30_000);

  test("may be a part of the service that it restarts", async () => {
    const input = tree.at("input");
    const again = `[ -e once ] || { touch once; ${bun} ${here}/restart-itself.ts ${input} & }`;
    const definition = tree.define(tree.script("hook", "echo $$ >>pids", again, "exec sleep 1000"), {
      stop_timeout: 5_000,
    });
    fs.writeFileSync(input, JSON.stringify({ place: tree.place, definition }));
    const first = await tree.start(definition);
    expect(JSON.parse(await written(`${input}.done`))).toEqual({ wasKilled: false, already: false, mark: "" });
    const second = Number(await until(() => fs.readFileSync(tree.at("current/app/pids"), "utf8").split("\n")[1]));
    expect(isGone(first.pid)).toBe(true);
    expect(await observe()).toMatchObject({ state: "running", pid: second, pidFile: "ok" });
  }, 30_000);

  test("may be killed: the service lives on, ignores no signal, and is found", async () => {
    const [script, input, stay] = call("sleep 1000", "stay");
    const caller = spawn(bun, [script, input, stay!], { stdio: ["ignore", "pipe", "inherit"], detached: true });
    const pid = Number(await new Promise((resolve) => caller.stdout.once("data", resolve)));
    process.kill(-caller.pid!, "SIGKILL");
    await new Promise((resolve) => caller.once("exit", resolve));
    expect(await observe()).toMatchObject({ state: "running", pid, pidFile: "ok" });
    expect(fs.readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/SigBlk:\s+0+\nSigIgn:\s+0+\n/);
    expect(await stop()).toMatchObject({ already: false });
  }, 30_000);
});
