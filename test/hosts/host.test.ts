/** The throw-away hosts themselves: what the tests on them rest on. */
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootHost, type Host, SUITE } from "./host.ts";
import { clearOrphans, lab } from "./lab.ts";

const words = (line: string) => line.split(" ");
/** When its PID 1 began. */
const BORN = words("systemctl show -P UserspaceTimestampMonotonic");
const asDeploy = { user: "deploy" };

describe("a host", () => {
  let host: Host;
  beforeAll(async () => {
    host = await bootHost("one");
  });
  afterAll(() => host.down());

  test("has a systemd of its own as PID 1, and nothing failed", async () => {
    expect(await host.must(words("cat /proc/1/comm"))).toBe("systemd\n");
    expect(await host.must(words("systemctl list-units --failed --no-legend"))).toBe("");
    expect(await host.must(["hostname"])).toBe(`${host.name}\n`);
  });

  test("has a cgroup tree in which only it is", async () => {
    expect(await host.must(words("stat -fc %T /sys/fs/cgroup"))).toBe("cgroup2fs\n");
    expect(await host.must(words("cat /proc/1/cgroup"))).toContain("0::/init.scope");
    expect(await host.must(words("cat /proc/self/cgroup"), asDeploy)).toContain("0::/visitors\n");
  });

  test("is reached over the network: nginx", async () => {
    const answer = await fetch(`http://${host.address}/`);
    expect([answer.status, await answer.text()]).toEqual([200, `${host.name}\n`]);
  });

  test("is reached over the network: ssh, where a user's services work too", async () => {
    expect(await host.ssh(["id -un; systemctl --user is-system-running"])).toMatchObject({
      status: 0,
      stdout: "deploy\nrunning\n",
    });
    expect((await host.ssh(["id -un"], "root")).stdout).toBe("root\n");
  });

  test("runs deploy's services without a login, and again after a reboot", async () => {
    await host.write(
      "/home/deploy/.config/systemd/user/nap.service",
      "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=default.target\n",
      asDeploy,
    );
    await host.must(words("systemctl --user daemon-reload"), asDeploy);
    await host.must(words("systemctl --user enable --now nap"), asDeploy);
    const pid = () => host.must(words("systemctl --user show -P MainPID nap"), asDeploy);
    expect(await host.sh(`cat /proc/${(await pid()).trim()}/cgroup`)).toContain("/user-1500.slice/user@1500.service/");
    await host.reboot();
    expect(await host.must(words("systemctl --user is-active nap"), asDeploy)).toBe("active\n");
  });

  test("gives deploy no rights, but those of a line in sudoers", async () => {
    const restart = words("sudo -n systemctl restart cron");
    expect(await host.run(restart, asDeploy)).toMatchObject({ status: 1 });
    const line = "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart cron\n";
    await host.write("/etc/sudoers.d/deploy", line, { mode: "440" });
    expect(await host.run(restart, asDeploy)).toMatchObject({ status: 0 });
    expect(await host.run(words("sudo -n systemctl stop cron"), asDeploy)).toMatchObject({ status: 1 });
    await host.must(words("rm /etc/sudoers.d/deploy"));
  });

  test("runs the suite from a checkout that it cannot change", async () => {
    const { stdout } = await host.run([`${SUITE}/ops/deploy.ts`, "--help"], asDeploy);
    expect(stdout).toContain("release");
    expect((await host.run(["touch", `${SUITE}/mark`])).stderr).toContain("Read-only file system");
  });

  test.each([
    ["a clean reboot", false],
    ["a power cut", true],
  ])("keeps its disk over %s", async (_, hard) => {
    await host.sh("echo kept >/srv/kept; echo kept >/etc/kept", {});
    const before = await host.must(words("cat /proc/sys/kernel/random/boot_id /etc/machine-id"));
    const began = performance.now();
    const born = await host.must(BORN);
    await host.reboot({ hard });
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(await host.must(words("cat /srv/kept /etc/kept"))).toBe("kept\nkept\n");
    expect(await host.must(words("cat /proc/sys/kernel/random/boot_id /etc/machine-id"))).toBe(before);
    expect(await host.must(BORN)).not.toBe(born);
  });

  test("shows nothing of the machine's own units, users' files and logs", async () => {
    expect(await host.must(words("ls /etc/cron.d /etc/sudoers.d /root /var/spool/cron/crontabs"))).not.toMatch(/^\w/m);
    expect(await host.must(words("ls /home"))).toBe("deploy\n");
  });
});

/** What a host must not leave behind. */
function tracesOf(name: string): string[] {
  const out = (line: string) => spawnSync("sh", ["-c", line], { encoding: "utf8" }).stdout;
  return [
    ...out("cat /proc/mounts").split("\n"),
    ...out("ip -o link").split("\n"),
    ...out("ip netns list").split("\n"),
    ...out("find /sys/fs/cgroup -maxdepth 4 -type d -path '*switchback-hosts*'").split("\n"),
    ...out("ps -eo pid,args").split("\n"),
    ...(fs.existsSync(lab) ? fs.readdirSync(lab).map((number) => path.join(lab, number, "name")) : []).map((file) =>
      fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "",
    ),
  ].filter((line) => line.includes(name));
}

test("several are up at once within seconds, reach each other, and go without a trace", async () => {
  const began = performance.now();
  const hosts = await Promise.all(["a", "b", "c"].map((stem) => bootHost(stem)));
  expect(performance.now() - began).toBeLessThan(15_000);
  expect(new Set(hosts.map(({ address }) => address)).size).toBe(3);
  const [one, other] = hosts;
  expect(await one?.must(["curl", "-s", `http://${other?.address}/`])).toBe(`${other?.name}\n`);
  const names = hosts.map(({ name }) => name);
  expect(names.filter((name) => tracesOf(name).length === 0)).toEqual([]);
  await Promise.all(hosts.map((host) => host.down()));
  expect(names.flatMap(tracesOf)).toEqual([]);
});

/** Boots a host in a process of its own; resolves when it is up. */
async function bootElsewhere() {
  const program = [
    "-e",
    `const { bootHost } = await import("${import.meta.dirname}/host.ts");
    const { name, place } = await bootHost("other"); console.log(JSON.stringify({ name, place })); setInterval(() => {}, 1000);`,
  ];
  const child = spawn(path.resolve(import.meta.dirname, "../../ops/_bun"), program, {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const line = await new Promise<string>((resolve) =>
    child.stdout.once("data", (chunk: Buffer) => resolve(String(chunk))),
  );
  return { child, ...(JSON.parse(line) as { name: string; place: string }) };
}

async function untilGone(name: string, milliseconds: number): Promise<string[]> {
  for (const end = performance.now() + milliseconds; tracesOf(name).length > 0 && performance.now() < end;)
    await sleep(50);
  return tracesOf(name);
}

test("ends with the run that it was booted for, killed as it may be", async () => {
  const { child, name } = await bootElsewhere();
  expect(tracesOf(name)).not.toEqual([]);
  child.kill("SIGKILL");
  expect(await untilGone(name, 5_000)).toEqual([]);
});

/** What nobody has collected yet runs no more: not every process 1 that a test run has collects. */
function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(fs.readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

test("whose keeper was killed ends too, and what is left of it goes with the next start", async () => {
  const { child, name, place } = await bootElsewhere();
  const keeper = Number(fs.readFileSync(path.join(place, "keeper"), "utf8"));
  const leader = Number(fs.readFileSync(path.join(place, "leader"), "utf8"));
  process.kill(keeper, "SIGKILL");
  child.kill("SIGKILL");
  for (const end = performance.now() + 5_000; isRunning(leader) && performance.now() < end;) await sleep(20);
  expect(isRunning(leader)).toBe(false);
  expect(tracesOf(name)).not.toEqual([]);
  clearOrphans(0);
  expect(tracesOf(name)).toEqual([]);
});
