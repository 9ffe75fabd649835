/** Commands from afar, over a real sshd: cut connections, noise, other shells, keys that are not known, Ctrl-C. */
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { suiteVersion } from "../../scripts/suite/install.ts";
import { bootHost, collect, type Host, SUITE } from "./host.ts";
import { sshConfig } from "./ssh-config.ts";

const TREES = 4;
const LINES = 40;
const RUNTIME = path.resolve(import.meta.dirname, "../../ops/_bun");
let host: Host;
let ssh: Record<string, string>;

const trees = Array.from({ length: TREES }, (_, index) => `t${index + 1}`);
const manifestPath = () => path.join(host.place, "deploy.yaml");

beforeAll(async () => {
  host = await bootHost("remote");
  const folder = path.join(host.place, "runtime");
  fs.mkdirSync(folder, { mode: 0o700 });
  fs.writeFileSync(path.join(host.place, "ssh_config"), sshConfig("*", host));
  fs.writeFileSync(
    path.join(host.place, "ssh_config_empty"),
    sshConfig("*", host, { UserKnownHostsFile: "/dev/null" }),
  );
  ssh = { SWITCHBACK_SSH: `ssh -F ${host.place}/ssh_config`, XDG_RUNTIME_DIR: folder };
  // Numbers on both streams, slowly; and one that goes on until it is let go, whatever it is told.
  const run = `for i in $(seq ${LINES}); do echo "line $i é"; echo "problem $i" >&2; sleep 0.04; done`;
  const slow = `trap 'echo "told to stop" >&2' TERM; for i in $(seq 300); do echo "wait $i"; [ ! -e /srv/app/.git/go ] || exit 0; sleep 0.1 || true; done`;
  const environments = [...trees, "slow"].map((name) => {
    const build = name === "slow" ? `, build: { count: { run: ${JSON.stringify(slow)} } }` : "";
    return `  ${name}: { hosts: ${host.address}, deploy_to: "~/it's $HOME/${name}"${build} }\n`;
  });
  const bad = `  port: { hosts: "${host.address}:42001", deploy_to: ~/x }\n  relative: { hosts: ${host.address}, deploy_to: relative }\n  bare: { hosts: ${host.address}, deploy_to: ~/bare }\n`;
  fs.writeFileSync(
    manifestPath(),
    `app: shop\ndeploy_to: /srv/shop\nsource: { repo: /srv/app }\nbuild: { count: { run: ${JSON.stringify(run)} } }\nservices: { web: { run: sleep 1000 } }\nenvironments:\n${environments.join("")}${bad}`,
  );
  await host.sh(
    `mkdir /srv/app && cd /srv/app && git init -q . && echo 1 >a && git add . && git -c user.name=t -c user.email=t@t commit -qm 1
     chown -R deploy: /srv/app
     trees=/home/deploy/"it's "'$HOME'
     for t in ${[...trees, "slow"].join(" ")}; do
       mkdir -p "$trees/$t"/suite "$trees/$t"/releases
       ln -s ${SUITE} "$trees/$t/suite/${suiteVersion()}"
     done
     mkdir "$trees/t4/logs" && echo hello from web >"$trees/t4/logs/web.log"
     printf 'echo noise\\necho noise >&2\\n' >/home/deploy/.bashrc
     chown -R deploy: /home/deploy`,
  );
});
afterAll(async () => {
  // The shared connections go with their sockets.
  const folder = path.join(host.place, "runtime/switchback");
  for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : [])
    await collect(["ssh", "-S", path.join(folder, name), "-O", "exit", "x"]);
  await host.down();
});

interface Given {
  out: string;
  err: string;
  /** What the last line says. */
  ended: Record<string, unknown>;
}

function give(environment: string, words: string[], env: Record<string, string> = {}) {
  const script = path.join(import.meta.dirname, "remote-call.ts");
  const child = spawn(RUNTIME, [script, manifestPath(), environment, ...words], {
    env: { ...process.env, ...ssh, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { out: "", err: "" };
  child.stdout.on("data", (data: Buffer) => void (said.out += data.toString()));
  child.stderr.on("data", (data: Buffer) => void (said.err += data.toString()));
  const ended = new Promise<Given>((resolve, reject) => {
    child.once("close", () => {
      const [out = "", last] = said.out.split("ENDED ");
      if (last === undefined) reject(new Error(`it did not end: ${said.out}${said.err}`));
      else resolve({ out, err: said.err, ended: JSON.parse(last) as Record<string, unknown> });
    });
  });
  const until = async (text: string) => {
    for (const end = performance.now() + 20_000; !`${said.out}${said.err}`.includes(text); await sleep(10))
      if (performance.now() > end) throw new Error(`never said ${text}: ${said.out}${said.err}`);
  };
  return { child, ended, until };
}

/** Ends the connections, as the network does: each end is told nothing by the other. */
const cutThere = () => host.sh("for pid in $(pgrep -x sshd -u deploy); do kill -9 $pid || true; done");
const cutHere = (pid: number | undefined) => {
  const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
  for (const child of children) process.kill(Number(child), "SIGKILL");
};
const kept = async () => (await host.sh("find /home/deploy -path '*/run/calls/*' -name '[0-9a-f]*' -prune")).trim();
/** What the build printed, without the suite's own timed lines, and with what is no line of anybody's. */
const body = (text: string) => text.split("\n").filter((line) => line && !/^\d\d:\d\d:\d\d | is built\.$/.test(line));
const whole = Array.from({ length: LINES }, (_, index) => [`line ${index + 1} é`, `problem ${index + 1}`]).flat();

test("what a command prints comes whole, and without what a login prints", async () => {
  const call = give("t1", ["release/build_release", "--id", "first"]);
  await call.until("line 5 ");
  const other = await give("t1", ["release/build_release", "--id", "other"]).ended;
  expect([other.ended, other.out]).toEqual([{ exit: 75 }, "CONNECTED\n"]);
  const { out, err, ended } = await call.ended;
  expect([ended, body(out), err]).toEqual([{ exit: 0 }, ["CONNECTED", ...whole], ""]);
  expect(await kept()).toBe("");
  const listed = await give("t1", ["release/list"], { READING: "1" }).ended;
  expect([listed.ended, listed.out.includes("first")]).toEqual([{ exit: 0 }, true]);
});

test("what is to be typed is for where it was typed", async () => {
  const { err, ended } = await give("t1", ["release/switch_current", "none"]).ended;
  expect(ended).toEqual({ exit: 2 });
  expect(err).toContain("    deploy list t1\n");
  expect(err).not.toContain("run/sent");
});

describe("a connection that is cut", () => {
  test.each([1, 2])("at random moments: it ends as if nothing had happened (%i)", async (round) => {
    const calls = trees.map((name) => give(name, ["release/build_release", "--id", `cut${round}`]));
    await Promise.all(calls.map(({ until }) => until("CONNECTED")));
    const moments: string[] = [];
    for (const end = performance.now() + 2000; performance.now() < end;) {
      const pause = Math.round(Math.random() * 700);
      await sleep(pause);
      const which = Math.floor(Math.random() * (TREES + 1));
      moments.push(`${pause}:${which}`);
      // Half of them: all at once, at the host.
      if (moments.length % 2 === 0) await cutThere();
      else cutHere(calls[which % TREES]?.child.pid);
    }
    for (const { ended: end } of calls) {
      const { out, ended } = await end;
      expect([moments, ended, body(out)]).toEqual([moments, { exit: 0 }, ["CONNECTED", ...whole]]);
    }
    expect(await kept()).toBe("");
  });

  test("for good: the host goes on, and the next command tells how it ended, once", async () => {
    const call = give("slow", ["release/build_release", "--id", "alone"], { SWITCHBACK_RECONNECT_SEC: "0" });
    await call.until("wait 3");
    await host.sh("systemctl stop ssh");
    await cutThere();
    const { err, ended } = await call.ended;
    expect(ended).toEqual({ isLost: true });
    expect(err).toContain("deploy status slow");
    await host.sh("systemctl start ssh");
    const during = await give("slow", ["release/list"], { READING: "1" }).ended;
    expect(during.err).toMatch(/still at work since .* UTC, for .*: deploy build --id alone slow/);
    await host.must(["touch", "/srv/app/.git/go"]);
    await host.sh("while ! ls /home/deploy/it*/slow/run/calls/*/exit-0 2>/dev/null; do sleep 0.05; done");
    const told = await give("slow", ["release/list"], { READING: "1" }).ended;
    expect(told.err).toMatch(
      /deploy build --id alone slow, of .* was lost, ended with exit code 0:\n[^]*alone is built/,
    );
    expect((await give("slow", ["release/list"], { READING: "1" }).ended).err).toBe("");
    await host.must(["rm", "/srv/app/.git/go"]);
  });
});

describe("Ctrl-C", () => {
  test("once: the host undoes what it began, and says so", async () => {
    const call = give("t3", ["release/build_release", "--id", "stopped"]);
    await call.until("line 5 ");
    call.child.kill("SIGINT");
    const { err, ended } = await call.ended;
    expect(ended).toEqual({ exit: 130 });
    expect(err).toContain(`asking ${host.address} to stop`);
    expect(await host.sh("ls /home/deploy/it*/t3/releases")).not.toContain("stopped");
    expect(await kept()).not.toContain("/t3/");
  });

  test("twice: it is left to itself", async () => {
    const call = give("slow", ["release/build_release", "--id", "left"]);
    await call.until("wait 3");
    call.child.kill("SIGINT");
    await call.until("told to stop");
    call.child.kill("SIGINT");
    const { err, ended } = await call.ended;
    expect([ended, err.includes("left to itself")]).toEqual([{ isLost: true }, true]);
    await host.sh("while ! ls /home/deploy/it*/slow/run/calls/*/exit-130 2>/dev/null; do sleep 0.05; done");
  });

  test.each(["SIGINT", "SIGKILL"] as const)("of a command that only looks: it ends there too (%s)", async (signal) => {
    const call = give("t4", ["service/logs", "--follow"], { READING: "1" });
    await call.until("hello from web");
    call.child.kill(signal);
    if (signal === "SIGINT") expect((await call.ended).ended).toEqual({ exit: 130 });
    else await expect(call.ended).rejects.toThrow("it did not end");
    for (const end = performance.now() + 5000; await isFollowing(); await sleep(50))
      expect(performance.now()).toBeLessThan(end);
  });
});

const isFollowing = async () => (await host.run(["pgrep", "-f", "^[^ ]*bun .*service/logs.ts"])).status === 0;

describe("a host that is not reached", () => {
  test("a key that is not known is refused, and said", async () => {
    const { ended } = await give("t1", ["release/list"], { SWITCHBACK_SSH: `ssh -F ${host.place}/ssh_config_empty` })
      .ended;
    expect(ended).toMatchObject({
      name: "UnreachableError",
      next: [`ssh -F ${host.place}/ssh_config_empty ${host.address}`],
    });
    expect(ended["message"]).toContain("host key that is not known here");
  });

  test("a port where nobody listens, a tree without a place, a suite that is not there", async () => {
    const [port, relative, bare] = await Promise.all(
      ["port", "relative", "bare"].map((name) => give(name, ["release/list"]).ended),
    );
    expect(port?.ended).toMatchObject({
      name: "UnreachableError",
      message: expect.stringContaining("no sshd listens there") as string,
    });
    expect(relative?.ended).toMatchObject({
      name: "UsageError",
      message: expect.stringContaining("relative means nothing on") as string,
    });
    expect(bare?.ended).toMatchObject({
      message: `${host.address} does not have this version of the suite in /home/deploy/bare/suite: ${suiteVersion()}`,
      next: ["deploy setup bare"],
    });
  });
});

const shells = ["fish", "tcsh"].map((shell): [string, string] => [
  shell,
  spawnSync("sh", ["-c", `command -v ${shell}`])
    .stdout.toString()
    .trim(),
]);
describe.each(shells)("a login shell that is not POSIX", (shell, file) => {
  test.skipIf(file === "")(shell, async () => {
    await host.must(["usermod", "-s", file, "deploy"]);
    const { ended, out } = await give("t1", ["release/list"]).ended;
    await host.must(["usermod", "-s", "/bin/bash", "deploy"]);
    expect([ended, out.includes("first")]).toEqual([{ exit: 0 }, true]);
  });
});
