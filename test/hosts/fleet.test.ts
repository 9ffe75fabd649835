/** Environments with several hosts, on hosts with a real systemd, sshd and rsync: this machine deploys, they serve. */
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootHost, collect, type Host, type Ran } from "./host.ts";
import { sshConfig } from "./ssh-config.ts";

const ops = path.resolve(import.meta.dirname, "../../ops");
const asDeploy = { user: "deploy" };
const PORT = 42310;
const TREE = "/home/deploy/shop";

/** A team's laptop: a repository with its manifest, and ssh's own configuration, in which the hosts are web1, web2 … */
class Laptop {
  readonly place = fs.mkdtempSync(path.join(os.tmpdir(), "sb-fleet-"));
  readonly app = path.join(this.place, "app");
  readonly hosts: Host[];

  constructor(hosts: Host[]) {
    this.hosts = hosts;
    fs.mkdirSync(this.app);
    const names = [
      ...hosts.map((host, i) => [`web${i + 1}`, host] as const),
      ["other-name", hosts[0] as Host] as const,
    ];
    const config = names.map(([name, host]) => sshConfig(name, host, { HostName: host.address }));
    // Nobody has this address.
    config.push("Host web9\n  HostName 198.18.88.253\n");
    fs.writeFileSync(path.join(this.place, "ssh_config"), config.join("\n"));
    fs.copyFileSync(path.join(import.meta.dirname, "app/server.py"), path.join(this.app, "server.py"));
    fs.writeFileSync(path.join(this.app, "mode"), "ok\n");
    fs.writeFileSync(path.join(this.app, ".gitignore"), "deploy.yaml\n");
  }

  /** YAML behind the rest; `serial` of prod. */
  describe({ more = "", serial = "1" } = {}): void {
    const names = this.hosts.map((_, i) => `web${i + 1}`);
    const lines = [
      "app: shop",
      `deploy_to: ${TREE}`,
      "supervisor: systemd-user",
      "linked_dirs: [data]",
      "services:",
      "  web:",
      "    run: /usr/bin/python3 server.py",
      `    port: ${PORT}`,
      '    env: { PYTHONUNBUFFERED: "1" }',
      "    health: { path: /health, every: 50ms, timeout: 5s, soak: 200ms }",
      "    stop_timeout: 5s",
      "environments:",
      `  prod: { hosts: [${names.join(", ")}], serial: ${serial} }`,
      "  one: { hosts: [web1] }",
      "  twice: { hosts: [web1, other-name] }",
      `  broken: { hosts: [web1, web9, web2] }`,
      more,
      "",
    ];
    fs.writeFileSync(path.join(this.app, "deploy.yaml"), lines.join("\n"));
  }

  async commit(): Promise<void> {
    const git = [
      "git",
      "-C",
      this.app,
      "-c",
      "user.name=d",
      "-c",
      "user.email=d@localhost",
      "-c",
      "init.defaultBranch=main",
    ];
    if (!fs.existsSync(path.join(this.app, ".git"))) await collect([...git, "init", "-q"]);
    await collect([...git, "add", "-A"]);
    await collect([...git, "commit", "-qm", "next", "--allow-empty"]);
  }

  /** `deploy …`, begun: what it has printed so far, and its end. */
  begin(line: string, env: Record<string, string> = {}) {
    const child = spawn(path.join(ops, "deploy.ts"), line.split(" "), {
      cwd: this.app,
      env: {
        ...process.env,
        SWITCHBACK_SSH: `ssh -F ${this.place}/ssh_config`,
        XDG_STATE_HOME: path.join(this.place, "state"),
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ran = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => void (ran.stdout += String(chunk)));
    child.stderr.on("data", (chunk: Buffer) => void (ran.stderr += String(chunk)));
    const ended = new Promise<Ran>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status) => resolve({ status, ...ran }));
    });
    const until = async (text: string) => {
      for (const end = performance.now() + 30_000; !(ran.stdout + ran.stderr).includes(text); await sleep(20))
        if (performance.now() > end) throw new Error(`"${text}" did not come:\n${ran.stdout}${ran.stderr}`);
    };
    return { child, ended, until };
  }

  deploy = (line: string, env: Record<string, string> = {}): Promise<Ran> => this.begin(line, env).ended;

  async must(line: string, exit = 0): Promise<string> {
    const { status, stdout, stderr } = await this.deploy(line);
    if (status !== exit) throw new Error(`deploy ${line}: exit ${status}, not ${exit}\n${stdout}${stderr}`);
    return stdout + stderr;
  }

  /** What each host has, and whether it is what answers there. */
  async serving(): Promise<string[]> {
    const look = `link=$(basename "$(readlink ${TREE}/current)"); told=$(curl -s http://127.0.0.1:${PORT}/ || echo nothing); echo "$link \${told% *}"`;
    const all = await Promise.all(this.hosts.map((host) => host.sh(look)));
    return all.map((line) => line.trim());
  }

  remove(): void {
    fs.rmSync(this.place, { recursive: true, force: true });
  }
}

const boot = (...stems: string[]) => Promise.all(stems.map((stem) => bootHost(stem)));
/** A hook that is for one host only. */
const hookOn = (host: Host | undefined, line: string) =>
  `hooks: { after_switch: ["if [ $(hostname) = ${host?.name} ]; then ${line}; fi"] }`;

describe("two hosts", () => {
  let laptop: Laptop;
  beforeAll(async () => {
    laptop = new Laptop(await boot("fleet1", "fleet2"));
    laptop.describe();
    await laptop.commit();
  });
  afterAll(async () => {
    await Promise.all(laptop.hosts.map((host) => host.down()));
    laptop.remove();
  });

  test("a host with two names is told before anything is begun on it", async () => {
    const told = await laptop.must("release twice --id r0", 2);
    expect(told).toContain(
      `web1 and other-name are the same machine, and ${TREE} the same tree: name it once among the environment's hosts; nothing was begun`,
    );
    expect(await laptop.hosts[0]?.sh(`ls -d ${TREE} 2>&1 || true`)).toContain("No such file");
  });

  test("a host that is down is told before anything is begun on the others", async () => {
    const told = await laptop.must("release broken --id r0", 1);
    expect(told).toContain("web9 cannot be reached; nothing was begun");
    await expect(laptop.hosts[0]?.sh(`test ! -e ${TREE}`)).resolves.toBe("");
  });

  test("empty hosts are set up, and get their first release", async () => {
    const told = await laptop.must("release prod --id r1");
    expect(told).toMatch(/^web1 \| suite .* is there/m);
    expect(told).toContain("✓ r1 is on 2 hosts\n");
    expect(await laptop.serving()).toEqual(["r1 r1", "r1 r1"]);
  });

  test("one after the other gets the next; every line of a host stands behind its name", async () => {
    await laptop.commit();
    const told = await laptop.must("release prod --id r2");
    const lines = told.split("\n").filter((line) => / (Stop|Start) web|Batch|is current/.test(line));
    expect(lines.map((line) => line.replace(/\d\d:\d\d:\d\d ✓ | \(.*\)/g, ""))).toEqual([
      "Batch 1 of 2: web1",
      "web1 | Stop web",
      "web1 | Start web",
      "web1 | r2 is current; it was r1.",
      "Batch 2 of 2: web2",
      "web2 | Stop web",
      "web2 | Start web",
      "web2 | r2 is current; it was r1.",
    ]);
    expect(await laptop.serving()).toEqual(["r2 r2", "r2 r2"]);
  });

  test("a host that fails restores itself, and the one before it is brought back: exit 3", async () => {
    laptop.describe({ more: hookOn(laptop.hosts[1], "exit 1") });
    await laptop.commit();
    const { status, stdout, stderr } = await laptop.deploy("release prod --id r3 --json");
    expect(status, stderr).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      release: "r3",
      hosts: [
        { host: "web1", outcome: "brought back", exit: 0, previous: "r2" },
        { host: "web2", outcome: "restored", exit: 3, previous: "r2" },
      ],
      outcome: "restored",
      exit: 3,
    });
    expect(await laptop.serving()).toEqual(["r2 r2", "r2 r2"]);
    laptop.describe();
    await laptop.commit();
    await laptop.must("release prod --id r4");
    expect(await laptop.must("status prod")).toMatch(/rollback +goes to r2[^]*rollback +goes to r2/);
  });

  test("a rollback goes back on both; where they would go apart it is refused", async () => {
    await laptop.must("rollback prod");
    expect(await laptop.serving()).toEqual(["r2 r2", "r2 r2"]);
    await laptop.must("switch r4 prod --on web2");
    expect(await laptop.serving()).toEqual(["r2 r2", "r4 r4"]);
    const told = await laptop.must("rollback prod", 2);
    expect(told).toContain("web1 r2 → r1\n    web2 r4 → r2\n");
    expect(await laptop.must("status prod")).toContain(
      "warning: the hosts do not have the same release: web1 has r2; web2 has r4",
    );
    expect(await laptop.must("switch r4 prod")).toContain("web2 has it already");
    expect(await laptop.serving()).toEqual(["r4 r4", "r4 r4"]);
  });

  test("Ctrl-C during the second batch: that host undoes, the first is brought back, 130", async () => {
    laptop.describe({ more: 'hooks: { after_switch: ["sleep 2"] }' });
    await laptop.commit();
    const { child, ended, until } = laptop.begin("release prod --id r5");
    await until("web2 | r5 is built");
    await until("Batch 2 of 2");
    await sleep(300);
    child.kill("SIGINT");
    const { status, stderr } = await ended;
    expect([status, stderr]).toEqual([
      130,
      expect.stringContaining("it was interrupted; every host is back at what it had"),
    ]);
    expect(await laptop.serving()).toEqual(["r4 r4", "r4 r4"]);
    laptop.describe();
  });

  test("a connection that is lost for good: the others go back, that host goes on by itself, and tells later how it ended", async () => {
    laptop.describe({ more: hookOn(laptop.hosts[1], "sleep 4") });
    await laptop.commit();
    const { ended, until } = laptop.begin("release prod --id r6", { SWITCHBACK_RECONNECT_SEC: "2" });
    await until("web2 | r6 is built");
    await until("Batch 2 of 2");
    await sleep(1500);
    await laptop.hosts[1]?.sh("ip link set host0 down");
    const { status, stderr } = await ended;
    await laptop.hosts[1]?.sh("ip link set host0 up");
    expect(status).toBe(4);
    expect(stderr).toContain("web1  r4 again: it was brought back");
    expect(stderr).toContain("web2  the connection was lost: the host goes on by itself, and is r6 or r4 in the end");
    expect(stderr).toMatch(/release\/switch_current\.ts .* --on web2 r4\n/);
    expect(await laptop.serving()).toEqual(["r4 r4", "r6 r6"]);
    laptop.describe();
    const told = await laptop.must("status prod");
    expect(told).toMatch(/deploy switch .*r6 prod.*ended with exit code 0/);
    await laptop.must("switch r4 prod");
  });

  test("a host that is down hides the other from no look: exit 1", async () => {
    const { status, stdout, stderr } = await laptop.deploy("status broken");
    expect(status).toBe(1);
    expect(stdout).toMatch(/web1 +r4 .* serves\nweb9 +\? +- +did not answer\nweb2 +r4 .* serves\n/);
    expect(stderr).toContain("web9 does not answer");
    const list = await laptop.deploy("list broken --json");
    expect(list.status).toBe(1);
    expect(JSON.parse(list.stdout)).toMatchObject({
      web1: expect.arrayContaining([expect.objectContaining({ release_id: "r4", is_current: true })]),
      web9: { exit: 1, error: "web9 does not answer" },
    });
    expect((await laptop.deploy("restart broken")).stderr).toContain("nothing was begun");
  });

  test("one host's output is passed on byte by byte, and its exit code", async () => {
    const there = await laptop.hosts[0]?.run(
      [`${TREE}/ops/release/list.ts`, "--manifest", `${TREE}/deploy.yaml`],
      asDeploy,
    );
    expect(await laptop.deploy("list one")).toEqual(there);
    expect((await laptop.deploy("verify one nothing")).status).toBe(2);
  });

  test("what is one host's own needs its name", async () => {
    expect(await laptop.must("restore prod x", 2)).toMatch(/name which one, by --on[^]*--on web1 x\n.*--on web2 x\n/);
    expect(await laptop.must("status prod --on web3", 2)).toContain(
      "web3 is none of the environment's hosts: web1, web2",
    );
  });

  test("a dry run touches nothing, and what it prints does it", async () => {
    await laptop.commit();
    const shown = await laptop.must("release prod --id r7 --dry-run");
    await expect(laptop.hosts[0]?.sh(`test ! -e ${TREE}/releases/r7 -a ! -e ${TREE}/incoming/r7`)).resolves.toBe("");
    const env = `SWITCHBACK_SSH='ssh -F ${laptop.place}/ssh_config' XDG_STATE_HOME=${laptop.place}/state`;
    const { status, stderr } = await collect(["sh", "-c", `export ${env}\n${shown}`]);
    expect([status, stderr]).toEqual([0, ""]);
    expect(await laptop.serving()).toEqual(["r7 r7", "r7 r7"]);
  });

  test("doctor looks from here and there", async () => {
    const { stdout } = await laptop.deploy("doctor prod --json");
    const { findings, hosts } = JSON.parse(stdout) as {
      findings: { check: string }[];
      hosts: Record<string, { findings: { check: string; level: string }[] }>;
    };
    expect(findings.map(({ check }) => check)).toEqual(expect.arrayContaining(["manifest", "ssh", "rsync", "tools"]));
    const checks = hosts["web2"]?.findings.filter(({ level }) => level === "ok").map(({ check }) => check);
    expect(checks).toEqual(expect.arrayContaining(["ssh", "rsync", "suite", "clock", "tree", "current", "units"]));
  });
});

test("four hosts, two at a time; the third fails, and all of them have what they had", async () => {
  const laptop = new Laptop(await boot("four1", "four2", "four3", "four4"));
  try {
    laptop.describe({ serial: '"50%"' });
    await laptop.commit();
    expect(await laptop.must("release prod --id r1")).toContain("Batch 2 of 2: web3, web4");
    expect(await laptop.serving()).toEqual(Array(4).fill("r1 r1"));
    laptop.describe({ serial: '"50%"', more: hookOn(laptop.hosts[2], "exit 1") });
    await laptop.commit();
    const told = await laptop.must("release prod --id r2", 3);
    expect(told).toContain("web4  r1 again: it was brought back");
    expect(told).toContain("web3  r1 again: r2 failed here");
    expect(await laptop.serving()).toEqual(Array(4).fill("r1 r1"));
  } finally {
    await Promise.all(laptop.hosts.map((host) => host.down()));
    laptop.remove();
  }
});
