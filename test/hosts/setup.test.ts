/** A host that has nothing but sshd, rsync and bash becomes one that can be deployed to; and its secrets get there and nowhere else. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { suiteVersion } from "../../scripts/suite/install.ts";
import { bootHost, type Host, type Ran, SUITE } from "./host.ts";
import { clearOrphans } from "./lab.ts";
import { sshConfig } from "./ssh-config.ts";

const deployTs = path.resolve(import.meta.dirname, "../../ops/deploy.ts");
const CANARY = "c4n4ry-7f3a";
const TREE = "/home/deploy/shop";
const version = suiteVersion();
const asDeploy = { user: "deploy" };

let host: Host;
let desk: string;
beforeAll(async () => {
  host = await bootHost("setup");
  // The host's own checkouts are for other tests: what is run here is what was sent.
  await host.sh(`umount ${SUITE}; umount ${path.resolve(import.meta.dirname, "../..")} 2>/dev/null || true`);
  desk = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-desk-"));
  fs.writeFileSync(path.join(desk, "ssh.conf"), sshConfig("*", host, { LogLevel: "ERROR" }));
  describeShop();
});
afterAll(async () => {
  await host.down();
  fs.rmSync(desk, { recursive: true, force: true });
  clearOrphans();
});

function describeShop(files = "", deployTo = "~/shop"): void {
  const lines = [
    "app: shop",
    `deploy_to: ${deployTo}`,
    "linked_files:",
    "  - { path: .env, value_from: { env: PROD_ENV } }",
    '  - { path: config/key.pem, mode: "0640", value_from: { run: cat key; echo asking >&2 } }',
    "  - { path: file.env, value_from: { file: file.env } }",
    ...(files ? [files] : []),
    'linked_dirs: [data, { path: up/loads, mode: "0750" }]',
    `environments: { prod: { hosts: [${host.address}], user: deploy } }`,
  ];
  fs.writeFileSync(path.join(desk, "deploy.yaml"), `${lines.join("\n")}\n`);
  fs.writeFileSync(path.join(desk, "key"), `${CANARY}-run\n`);
  fs.writeFileSync(path.join(desk, "file.env"), `F=${CANARY}-file`);
}

const environment = (more: Record<string, string> = {}) => ({
  PATH: process.env["PATH"] ?? "/usr/bin:/bin",
  HOME: desk,
  SWITCHBACK_SSH: `ssh -F ${desk}/ssh.conf`,
  PROD_ENV: `A=${CANARY}-env`,
  ...more,
});

/** As a person types it at a desk of his own. */
const typed = (words: string[], more: Record<string, string> = {}) =>
  spawn(deployTs, words, { cwd: desk, env: environment(more), stdio: ["ignore", "pipe", "pipe"] });

async function deploy(words: string[], more: Record<string, string> = {}): Promise<Ran> {
  const child = typed(words, more);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (data: Buffer) => void (stdout += data.toString()));
  child.stderr.on("data", (data: Buffer) => void (stderr += data.toString()));
  const [status] = (await once(child, "close")) as [number | null];
  told += stdout + stderr;
  return { status, stdout, stderr };
}
/** All that was ever said. */
let told = "";

const suites = () => host.sh(`ls -A ${TREE}/suite`, asDeploy);

/** Looks at every process's words, on this machine and so on its hosts, until it is stopped. */
function watchWords(): () => { looks: number; found: string[] } {
  let looks = 0;
  const found = new Set<string>();
  const look = () => {
    looks++;
    for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        const words = fs.readFileSync(`/proc/${pid}/cmdline`, "latin1");
        if (words.includes(CANARY)) found.add(words.replaceAll("\0", " "));
      } catch {
        // It has ended.
      }
    }
  };
  const timer = setInterval(look, 10);
  return () => {
    clearInterval(timer);
    return { looks, found: [...found] };
  };
}

/** The rsync that a command of ours has started. */
function rsyncOf(parent: number): number {
  const children = fs.readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").trim().split(" ");
  return Number(children.find((pid) => fs.readFileSync(`/proc/${pid}/comm`, "utf8") === "rsync\n"));
}

describe("an empty home", () => {
  test("what would be done is said, and nothing of it is done", async () => {
    const { status, stdout } = await deploy(["setup", "prod", "--dry-run"]);
    expect([status, stdout]).toEqual([0, expect.stringContaining(`would put the suite ${version} with the runtime`)]);
    expect(await host.sh("ls -A", asDeploy)).not.toContain("shop");
  });

  test.each([
    ["Ctrl-C", (child: number) => process.kill(child, "SIGINT")],
    ["rsync is killed", (child: number) => process.kill(rsyncOf(child), "SIGKILL")],
  ])("a copy that is cut in the middle does not count: %s", async (_, cut) => {
    await host.must(["rm", "-rf", TREE]);
    const child = typed(["setup", "prod"]);
    const closed = once(child, "close");
    await host.sh(`until [ -n "$(find ${TREE}/suite -name ".bun.*" 2>/dev/null)" ]; do sleep 0.01; done`);
    cut(child.pid as number);
    expect(await closed).toEqual([130, null]);
    expect(await suites()).toBe(`.taking-${version}\n`);
    expect(await host.sh(`ls -A ${TREE}`, asDeploy)).toBe("suite\n");
  });

  test("setup puts the suite, the secrets and the tree there; its secrets are nowhere else", async () => {
    const stop = watchWords();
    const { status, stdout, stderr } = await deploy(["setup", "prod"]);
    const { looks, found } = stop();
    expect([status, stdout]).toEqual([0, expect.stringMatching(/MB sent[^]*shared\/\.env created[^]*is set up\n$/)]);
    expect(stderr).toBe("asking\n");
    expect(looks).toBeGreaterThan(20);
    expect(found).toEqual([]);
    expect(await suites()).toBe(`${version}\n`);
    const stats = await host.sh(
      `cd ${TREE}/shared && stat -c '%n %a %U %F' .env config/key.pem file.env data up/loads`,
    );
    expect(stats.trim().split("\n")).toEqual([
      ".env 600 deploy regular file",
      "config/key.pem 640 deploy regular file",
      "file.env 600 deploy regular file",
      "data 755 deploy directory",
      "up/loads 750 deploy directory",
    ]);
    expect(await host.sh(`cd ${TREE}/shared && cat .env config/key.pem file.env`)).toBe(
      `A=${CANARY}-env\n${CANARY}-run\nF=${CANARY}-file`,
    );
  });

  test("what is there runs from nothing but itself", async () => {
    const bare = ["env", "-i", "PATH=/usr/bin:/bin"];
    const said = await host.must([...bare, `${TREE}/ops/release/list.ts`, "--json"], asDeploy);
    expect(JSON.parse(said)).toEqual([]);
    const status = await host.run([...bare, `${TREE}/ops/deploy.ts`, "status"], asDeploy);
    expect(status.stdout).toContain("shop (prod) does not serve: nothing is deployed");
    expect(await host.must(["readlink", `${TREE}/ops`])).toBe(`suite/${version}/ops\n`);
  });

  test("a second setup changes nothing, says so, and sends next to nothing", async () => {
    const state = () => host.sh(`cd ${TREE} && find . -path ./run -prune -o -printf '%p %i %T@ %m\\n' | sort | md5sum`);
    const [before, bytes] = [await state(), await received()];
    const { status, stdout } = await deploy(["setup", "prod"]);
    expect([status, stdout]).toEqual([0, expect.stringContaining("is set up already; nothing was changed")]);
    expect(await state()).toBe(before);
    expect((await received()) - bytes).toBeLessThan(300_000);
  });

  test("a suite that was damaged there is put again; what is whole of it is not sent", async () => {
    await host.sh(`echo x >>${TREE}/suite/${version}/scripts/core/lock.ts`);
    const bytes = await received();
    expect((await deploy(["setup", "prod"])).stdout).toContain("in place of one that differed");
    expect((await received()) - bytes).toBeLessThan(2_000_000);
    expect(await host.sh(`tail -n 1 ${TREE}/suite/${version}/scripts/core/lock.ts; ls -A ${TREE}/suite`)).toBe(
      `}\n${version}\n`,
    );
  });
});

/** Bytes that came over the host's wire. */
const received = async () => Number(await host.must(["cat", "/sys/class/net/host0/statistics/rx_bytes"]));

describe("secrets", () => {
  test("are written when they differ, and only named", async () => {
    const stop = watchWords();
    const more = { PROD_ENV: `A=${CANARY}-other` };
    const checked = await deploy(["secrets", "prod", "--check"], more);
    expect([checked.status, checked.stdout]).toEqual([
      1,
      [".env            changed", "config/key.pem  unchanged", "file.env        unchanged", ""]
        .map((line) => line && `${host.address}  ${line}`)
        .join("\n"),
    ]);
    expect(await host.must(["cat", `${TREE}/shared/.env`])).toBe(`A=${CANARY}-env\n`);
    const { status, stdout } = await deploy(["secrets", "prod"], more);
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(/\.env +changed\n[^]*next restart: deploy restart prod\n$/),
    ]);
    expect(await host.must(["cat", `${TREE}/shared/.env`])).toBe(`A=${CANARY}-other\n`);
    expect((await deploy(["secrets", "prod", "--check"], more)).status).toBe(0);
    expect(stop().found).toEqual([]);
  });

  test("that cannot be taken stop all of it, and nothing of what was printed is told", async () => {
    describeShop(`  - { path: odd, value_from: { run: "printf ${CANARY.slice(0, 5)}%s ${CANARY.slice(5)}; exit 3" } }`);
    for (const words of [
      ["secrets", "prod", "--verbose"],
      ["setup", "prod", "--json"],
    ]) {
      const { status, stderr } = await deploy(words);
      expect([status, stderr]).toEqual([2, expect.stringContaining("odd: its command ended with exit code 3")]);
    }
    describeShop();
  });

  test("are not written while an operation is at work there", async () => {
    const lock = `${TREE}/lock.db`;
    const holding = host.sh(`python3 -c 'import sqlite3,time
c=sqlite3.connect("${lock}",isolation_level=None); c.execute("BEGIN IMMEDIATE"); open("/tmp/held","w"); time.sleep(2)'`);
    await host.sh("until [ -e /tmp/held ]; do sleep 0.02; done");
    const { status, stderr } = await deploy(["secrets", "prod"], { PROD_ENV: "other" });
    expect([status, stderr]).toEqual([75, expect.stringContaining("another operation is at work")]);
    await holding;
  });

  test("lie in their files and nowhere else: not on the host, not at the desk", async () => {
    const places = "/home /srv /run /tmp /var /root /etc /dev/shm";
    const search = `find ${places} -path /run/host -prune -o -type f -newer /etc/hostname -exec grep -laF ${CANARY.slice(0, -1)} {} + || true`;
    expect((await host.sh(search)).trim().split("\n").toSorted()).toEqual(
      [".env", "config/key.pem", "file.env"].map((name) => `${TREE}/shared/${name}`),
    );
    const here = fs.readdirSync(desk, { recursive: true, encoding: "utf8" }).map((name) => path.join(desk, name));
    const holding = here.filter((file) => fs.lstatSync(file).isFile() && fs.readFileSync(file).includes(CANARY));
    expect(holding.toSorted()).toEqual(["file.env", "key"].map((name) => path.join(desk, name)));
    expect(told).not.toContain(CANARY);
  });
});

describe("an application that ran in place there", () => {
  const old = "/home/deploy/moved";
  test("moves in: into the empty directory that setup made, and never onto what is there", async () => {
    const lines = ["app: moved", `deploy_to: ${old}`, "linked_files: [.env]", "linked_dirs: [data]"];
    fs.writeFileSync(
      path.join(desk, "deploy.yaml"),
      `${lines.join("\n")}\nenvironments: { prod: { hosts: [${host.address}], user: deploy } }\n`,
    );
    await host.sh(`mkdir -p ${old}/data; echo rows >${old}/data/app.txt; echo K=old >${old}/.env`, asDeploy);
    const first = await deploy(["setup", "prod"]);
    expect([first.status, first.stdout]).toEqual([1, expect.stringMatching(/\n.* deploy prepare --move prod\n/)]);
    const { status, stdout } = await deploy(["prepare", "--move", "prod"]);
    expect([status, stdout]).toEqual([0, expect.stringContaining(`shared/data  from ${old}/data`)]);
    expect(await host.sh(`cd ${old}/shared; cat .env data/app.txt; ls -A`)).toBe("K=old\nrows\n.env\ndata\n");
    expect((await deploy(["prepare", "--move", "prod"])).stdout).toContain(`${old}/data was not taken`);
    const wrong = await deploy(["prepare", "--move", "/nowhere", "prod"]);
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining("nothing to take over is in /nowhere")]);
    describeShop();
  });
});

describe("what is wrong is said with what to type", () => {
  test("a linked file that only a person has: the tree is made, and the command copies it there", async () => {
    describeShop("  - { path: conf/master.key, from: my key }");
    const { status, stdout } = await deploy(["setup", "prod"]);
    const [line = ""] = /scp .*/.exec(stdout) ?? [];
    expect([status, line]).toEqual([1, `scp -p 'my key' deploy@${host.address}:${TREE}/shared/conf/master.key`]);
    fs.writeFileSync(path.join(desk, "my key"), "k");
    const scp = spawn("sh", ["-c", line.replace("scp ", "scp -F ssh.conf ")], { cwd: desk, stdio: "ignore" });
    expect(await once(scp, "close")).toEqual([0, null]);
    expect((await deploy(["setup", "prod"])).stdout).toContain("is set up already");
    describeShop();
  });

  test("a place that the account may not write", async () => {
    describeShop("", "/opt/shop");
    const { status, stderr } = await deploy(["setup", "prod"]);
    expect([status, stderr]).toEqual([1, expect.stringContaining("deploy may not make /opt/shop")]);
    expect(stderr).toContain(`deploy@${host.address} -t sudo install -d -o deploy /opt/shop`);
    describeShop();
  });

  test.each(["rsync", "bash"])("a host without %s", async (program) => {
    await host.must(["sed", "-i", "/^deploy:/s|/bin/bash|/bin/sh|", "/etc/passwd"]);
    await host.must(["mv", `/usr/bin/${program}`, `/usr/bin/${program}.away`]);
    // sshd knows the shell of a connection that is open: with other words it is another one.
    const more = { SWITCHBACK_SSH: `ssh -F ${desk}/ssh.conf -o LogLevel=QUIET` };
    const { status, stderr } = await deploy(["setup", "prod"], more);
    await host.must(["mv", `/usr/bin/${program}.away`, `/usr/bin/${program}`]);
    expect([status, stderr]).toEqual([1, expect.stringContaining(`has no ${program}`)]);
    expect(stderr).toContain(`sudo apt-get install ${program}`);
  });

  test("no room for the suite: nothing is left that counts", async () => {
    await host.sh("mkdir -p /srv/small && mount -t tmpfs -o size=20m,uid=1500 none /srv/small");
    describeShop("", "/srv/small/shop");
    const { status, stderr } = await deploy(["setup", "prod"]);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/needs 1\d\d MB in \/srv\/small\/shop\/suite, and 2\d\.\d MB are free/),
    ]);
    expect(await host.sh("ls -A /srv/small/shop/suite")).toBe("");
    await host.sh("umount /srv/small");
    describeShop();
  });
});
