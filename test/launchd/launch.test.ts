/** The launcher for real: `ops/service/launch.ts`, from an environment as bare as launchd's and cron's. */
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { environmentOf, observeProcess } from "../../scripts/processes/processes.ts";
import { foregroundArguments } from "../../scripts/service/foreground.ts";
import { isLaunching } from "../../scripts/service/held-launch.ts";
import { until } from "../service/tree.ts";

const launcher = path.resolve(import.meta.dirname, "../../ops/service/launch.ts");
const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-launch-")));
const at = (...names: string[]) => path.join(root, ...names);
const BARE = { PATH: "/usr/bin:/bin" };

beforeAll(() => {
  fs.mkdirSync(at("releases/r1/app"), { recursive: true });
  fs.symlinkSync("releases/r1", at("current"));
  fs.writeFileSync(at("releases/r1/RELEASE.env"), "RELEASE_ID=r1\n");
  fs.writeFileSync(at("one.env"), `A=one\nB="b 1"\nSECRET=canary-4711\nPORT=1\nRELEASE_ID=another\n`);
  fs.writeFileSync(at("two.env"), "A=two \\\n  lines\nexport X=1\n");
  fs.writeFileSync(at("releases/r1/app/run"), '#!/bin/sh\necho run "$@"\n', { mode: 0o755 });
  fs.writeFileSync(at("releases/r1/app/broken"), "#!/no/where\n", { mode: 0o755 });
  fs.writeFileSync(at("releases/r1/app/plain"), "no first line\n", { mode: 0o755 });
});
afterAll(() => fs.rmSync(root, { recursive: true }));

const app = () => ["--dir", at("current/app")];
const run = (words: string[], env: NodeJS.ProcessEnv = BARE) => {
  const { status, stdout, stderr } = spawnSync(launcher, words, { encoding: "utf8", env, cwd: "/" });
  return { code: status, out: stdout, err: stderr };
};
const inside = (script: string, ...words: string[]) => run([...words, "--", "sh", "-c", script]).out;

test("the environment is what was given, then each file in order, then RELEASE_ID and PORT", () => {
  const files = [
    "--env-file",
    `-${at("current/RELEASE.env")}`,
    "--env-file",
    at("one.env"),
    "--env-file",
    "../../../two.env",
    "--env-file",
    "-nowhere",
  ];
  const { out, err } = run([...app(), ...files, "--port", "22107", "--", "env"], {
    ...BARE,
    A: "given",
    KEPT: "1",
    PWD: "/lie",
    SWITCHBACK_LAUNCHER: "",
  });
  expect(out.trim().split("\n").toSorted()).toEqual([
    "A=two   lines",
    "B=b 1",
    "KEPT=1",
    "PATH=/usr/bin:/bin",
    "PORT=22107",
    "RELEASE_ID=r1",
    "SECRET=canary-4711",
  ]);
  expect(err).toBe(
    `warning: ${at("two.env")}:3: not a name before the =, left out (letters, digits and _ only; no \`export\`)\n`,
  );
});

test("a release without RELEASE.env is known by its directory", () => {
  fs.mkdirSync(at("releases/v2"));
  fs.symlinkSync("releases/v2", at("adopted"));
  expect(
    inside(
      'echo "$RELEASE_ID"',
      "--dir",
      at("adopted"),
      "--env-file",
      `-${at("adopted/RELEASE.env")}`,
      "--env-file",
      at("one.env"),
    ),
  ).toBe("v2\n");
  expect(inside('echo "$RELEASE_ID"', "--dir", at("adopted"), "--env-file", at("one.env"))).toBe("another\n");
});

test("variables are filled and never split again, and a doubled dollar sign is one", () => {
  const words = ["printf", "<%s>", "${B}", "x${A}y", "$$", "$${A}", "$$$${A}$", "%i", "$A"];
  expect(run([...app(), "--env-file", at("one.env"), "--", ...words]).out).toBe(
    "<b 1><xoney><$><${A}><$${A}$><%i><$A>",
  );
});

test("the words that a service's run becomes are those that it meant", () => {
  const line = `printf '<%s>' "\${B}" '\${B}' \\$x '$$' a%ib "" '--'`;
  const meant = { name: "web@main", run: line, dir: "app", env_file: [at("one.env")], port: undefined };
  const [, ...words] = foregroundArguments(meant, { ops: at("ops"), current: at("current") });
  expect(run(words).out).toBe("<b 1><${B}><$x><$$><amainb><><-->");
});

describe("while data is changed", () => {
  const hold = at("migrating-jobs");
  const begin = () => {
    fs.writeFileSync(hold, "");
    const words = ["--dir", at("latest"), "--hold", hold, "--", "sh", "-c", "pwd; exec sleep 777"];
    const child = spawn(launcher, words, { env: BARE, stdio: ["ignore", "pipe", "pipe"] });
    const said = { out: "", err: "" };
    child.stdout.on("data", (data: Buffer) => void (said.out += data.toString()));
    child.stderr.on("data", (data: Buffer) => void (said.err += data.toString()));
    return { child, said };
  };
  beforeAll(() => {
    fs.mkdirSync(at("releases/r2"));
    fs.symlinkSync("releases/r1", at("latest"));
  });

  test("it waits, says so once, and runs from the release that is there then", async () => {
    const { child, said } = begin();
    try {
      await until(() => said.err !== "");
      expect(isLaunching(child.pid as number)).toBe(true);
      fs.rmSync(at("latest"));
      fs.symlinkSync("releases/r2", at("latest"));
      expect(said.out).toBe("");
      fs.rmSync(hold);
      await until(() => said.out !== "");
      expect(said.out).toBe(`${at("releases/r2")}\n`);
      expect(said.err).toBe("waits while data is changed; if no command is at work: ops/release/recover.ts\n");
      expect(isLaunching(child.pid as number)).toBe(false);
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("TERM ends the wait, and nothing was started", async () => {
    const { child, said } = begin();
    await until(() => said.err !== "");
    child.kill("SIGTERM");
    const ended = await new Promise((resolve) => child.once("close", (...how) => resolve(how)));
    expect([ended, said.out]).toEqual([[null, "SIGTERM"], ""]);
  });
});

describe("it is the command, and not its parent", () => {
  test("the same pid, the directory of the release, and no secret in any list of processes", async () => {
    const child = spawn(launcher, [...app(), "--env-file", at("one.env"), "--", "sleep", "777"], {
      env: BARE,
      stdio: "ignore",
    });
    try {
      const pid = child.pid as number;
      await until(
        () =>
          observeProcess(pid)?.command === "/usr/bin/sleep 777" || observeProcess(pid)?.command === "/bin/sleep 777",
      );
      expect(observeProcess(pid)?.cwd).toBe(at("releases/r1/app"));
      expect(environmentOf(pid)?.["SECRET"]).toBe("canary-4711");
      const all = spawnSync("ps", ["-eww", "-o", "args="], { encoding: "utf8" }).stdout;
      expect(all).toContain("sleep 777");
      expect(all).not.toContain("canary-4711");
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("with signals, standard input and descriptors as any program expects them", () => {
    const look = (words: string) => {
      const line = `echo hello | "$0" --dir / -- ${words} 2>&1 | cat`;
      return spawnSync("bash", ["-c", line, launcher], { encoding: "utf8", env: BARE }).stdout;
    };
    expect(look("grep -E 'SigBlk|SigIgn' /proc/self/status")).toMatch(/^SigBlk:\t0+\nSigIgn:\t0+\n$/);
    const flags = look("grep -h flags /proc/self/fdinfo/0 /proc/self/fdinfo/1 /proc/self/fdinfo/2");
    expect(flags).toBe("flags:\t00\nflags:\t01\nflags:\t01\n");
    // The fourth one is its own, by which it looks.
    expect(look("ls -C /proc/self/fd").trim().split(/\s+/)).toEqual(["0", "1", "2", "3"]);
    expect(look("cat")).toBe("hello\n");
  });

  test("a pipe that nobody reads ends it", () => {
    const words = [launcher, ...app(), "--", "yes"].join(" ");
    const { stdout } = spawnSync("bash", ["-c", `${words} | head -1 >/dev/null; echo "\${PIPESTATUS[0]}"`], {
      encoding: "utf8",
      env: BARE,
      timeout: 10_000,
    });
    expect(stdout).toBe("141\n");
  });

  test.each([
    ["exit 7", 7],
    ["kill -TERM $$", null],
  ])("%s is its own end", (script, code) => {
    expect(run([...app(), "--", "sh", "-c", script.replaceAll("$", "$$$$")]).code).toBe(code);
  });
});

describe("where the runtime cannot make way, it waits for a child", () => {
  const asChild = path.join(import.meta.dirname, "run-as-child.ts");
  const bun = path.resolve(import.meta.dirname, "../../ops/_bun");

  test("with its exit code, its environment and its words", () => {
    const { status, stdout } = spawnSync(
      bun,
      [asChild, at("current/app"), at("one.env"), "sh", "-c", 'echo "$0 $PWD"; exit 7', "${B}"],
      { encoding: "utf8", env: BARE },
    );
    expect([status, stdout]).toEqual([7, `b 1 ${at("releases/r1/app")}\n`]);
  });

  test("and passes its signals on", async () => {
    const child = spawn(
      bun,
      [
        asChild,
        at("current/app"),
        at("one.env"),
        "sh",
        "-c",
        "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done",
      ],
      { env: BARE },
    );
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGTERM");
    expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(9);
  });
});

describe("what is missing is said plainly, exit 2", () => {
  test.each([
    [
      "a directory",
      () => ["--dir", at("nowhere"), "--", "true"],
      /the directory .*\/nowhere does not exist: it is not built in this release/,
    ],
    ["no directory", () => ["--", "true"], /--dir is missing/],
    [
      "a file",
      () => [...app(), "--env-file", at("nowhere.env"), "--", "true"],
      /env_file .*\/nowhere\.env: does not exist/,
    ],
    ["a program with a slash", () => [...app(), "--", "./nowhere"], /releases\/r1\/app\/nowhere does not exist/],
    ["a program", () => [...app(), "--", "nowhere"], /no program "nowhere" in PATH=\/usr\/bin:\/bin/],
    ["a variable", () => [...app(), "--", "echo", "${NOWHERE}"], /\$\{NOWHERE\} is not in the service's environment/],
    ["a port", () => [...app(), "--port", "x", "--", "true"], /--port wants a port/],
    ["a command", () => app(), /missing required argument/],
  ])("%s", (_what, words, message) => {
    const { code, out, err } = run(words());
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\bat .*\.ts:|Warning/);
  });

  test.each([
    ["broken", /its first line names \/no\/where, which does not exist/],
    ["plain", /neither a program of this machine nor a script/],
  ])("what the system refuses to execute is exit 1: %s", (name, message) => {
    const { code, err } = run([...app(), "--", `./${name}`]);
    expect(code).toBe(1);
    expect(err).toMatch(message);
  });
});

test("a first word with a slash is relative to the directory, and one that is on its PATH is found there", () => {
  expect(run([...app(), "--", "./run", "a"]).out).toBe("run a\n");
  fs.writeFileSync(at("path.env"), `PATH=${at("releases/r1/app")}:/bin\n`);
  expect(run([...app(), "--env-file", at("path.env"), "--", "run", "b"]).out).toBe("run b\n");
});
