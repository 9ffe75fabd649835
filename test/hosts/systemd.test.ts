/** What systemd keeps of a tree: who may change it, what travels with a release, what is left when a service goes. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bootHost, type Host } from "./host.ts";
import { allow, layApplication, type Site, type SiteOptions } from "./scenario.ts";

const UNITS = "/etc/systemd/system";
const PLAIN: SiteOptions = { supervisor: "systemd", socket: false, nginx: false };

let host: Host;
let site: Site;
const text = (file: string) => host.must(["cat", file]);
const property = async (unit: string, name: string) =>
  (await host.must(["systemctl", "show", "--value", `--property=${name}`, unit])).trim();

describe("an owner who is not root", () => {
  beforeAll(async () => {
    host = await bootHost("owner");
    site = await layApplication(host, { ...PLAIN, socket: "proxy" });
    await site.must("release/build_release", ["HEAD", "--id", "r1"]);
  });
  afterAll(() => host.down());

  test("is told what is missing before anything is touched", async () => {
    const said = await site.must("release/switch_current", ["r1"], 2);
    expect(said).toMatch(/deploy may not give this order as root: systemctl reset-failed shop-web\.service/);
    expect(said).toMatch(/doctor\.ts --manifest \S+ prints the lines for sudoers/);
    expect((await host.run(["test", "-e", `${site.tree}/current`])).status).toBe(1);
  });

  test("needs exactly the lines that doctor prints", async () => {
    const { stdout } = await site.op("host/doctor");
    const lines = stdout.split("\n").filter((line) => line.includes("NOPASSWD"));
    expect(lines.length).toBeGreaterThan(10);
    await allow(host, `${lines.map((line) => line.trim()).join("\n")}\n`);
    expect((await host.run(["sudo", "-n", "true"], { user: "deploy" })).status).not.toBe(0);
    await site.must("release/switch_current", ["r1"]);
    await site.deploy("r2");
    await site.must("release/rollback");
    await site.must("service/restart");
    await site.must("service/stop");
    await site.must("service/start");
    expect(await site.must("service/status")).toContain("from r1");
    const found = await site.op("host/doctor");
    expect(found.stdout).toMatch(/✓ sudo .*may give all/);
    expect(found.stdout).toMatch(/✓ units .*3 are as the manifest says/);
  });
});

describe("units", () => {
  beforeAll(async () => {
    host = await bootHost("units");
    await allow(host);
  });
  afterAll(() => host.down());
  beforeEach(async () => {
    await host.sh(
      `systemctl stop 'shop-*' --all || true; rm -rf ${UNITS}/shop* /srv/shop; systemctl daemon-reload; systemctl reset-failed`,
    );
    site = await layApplication(host, PLAIN);
  });

  test("travel with the release: a failed one leaves them as they were, a rollback brings the old ones back", async () => {
    await site.deploy("r1");
    const first = await text(`${UNITS}/shop-web.service`);
    await site.describe({ ...PLAIN, service: "    restart_sec: 7s" });
    const said = await site.deploy("bad", "sick", 3);
    expect(said).toContain(`changes: ${UNITS}/shop-web.service`);
    expect(await text(`${UNITS}/shop-web.service`)).toBe(first);
    await site.deploy("r2");
    expect(await property("shop-web.service", "RestartUSec")).toBe("7s");
    await site.must("release/rollback");
    expect(await site.current()).toBe("r1");
    expect(await text(`${UNITS}/shop-web.service`)).toBe(first);
    expect(await property("shop-web.service", "RestartUSec")).toBe("2s");
  });

  test("of a service that the manifest no longer has are stopped, disabled and removed, and nobody else's is", async () => {
    await host.write(`${UNITS}/other.service`, "[Service]\nExecStart=/bin/sleep 1000\n");
    const more =
      '  worker: { run: "/bin/sleep 1000" }\n  nightly: { run: "/bin/true", schedule: 5 4 * * *, stdout: /dev/null }';
    await site.describe({ ...PLAIN, service: `    restart: always\n${more}` });
    await site.deploy("r1");
    expect(await property("shop-worker.service", "ActiveState")).toBe("active");
    expect(await property("shop-nightly.timer", "ActiveState")).toBe("active");
    await site.describe(PLAIN);
    await site.must("systemd/install_systemd");
    const left = await host.sh(`ls ${UNITS} | grep -E '^(shop|other)'; find ${UNITS} -name 'shop-*' -type l`);
    expect(left.trim().split("\n")).toEqual([
      "other.service",
      "shop-web.service",
      `${UNITS}/multi-user.target.wants/shop-web.service`,
    ]);
    expect(await property("shop-worker.service", "ActiveState")).toBe("inactive");
    expect(await property("shop-web.service", "ActiveState")).toBe("active");
  });

  test("that a person wrote are kept beside the new ones", async () => {
    await host.write(`${UNITS}/shop-web.service`, "[Service]\nExecStart=/bin/sleep 1000\n");
    await site.deploy("r1");
    expect(await text(`${UNITS}/shop-web.service.by-hand`)).toBe("[Service]\nExecStart=/bin/sleep 1000\n");
    expect(await site.must("service/status")).toContain("from r1");
  });

  test("are installed by root, and the records stay the owner's", async () => {
    await site.must("release/prepare_shared");
    await host.must(["/opt/switchback/ops/systemd/install_systemd.ts", "--manifest", site.manifest]);
    expect((await host.sh(`find ${site.tree} ! -user deploy`)).trim()).toBe("");
    expect(await property("shop-web.service", "UnitFileState")).toBe("enabled");
    await site.deploy("r1");
  });

  test("what systemd would not read is refused, and nothing is written", async () => {
    await site.describe({ ...PLAIN, service: "    after: [no such unit!]" });
    const { status, stderr } = await site.op("systemd/install_systemd");
    expect(status).toBe(2);
    expect(stderr).toContain("deploy.yaml:");
    expect((await host.run(["test", "-e", `${UNITS}/shop-web.service`])).status).toBe(1);
  });

  test("run a service as another account, which is proven all the same", async () => {
    await site.describe({ ...PLAIN, service: "    user: www-data\n    group: www-data" });
    await host.sh(`chmod o+x /srv/shop`);
    await site.deploy("r1");
    await site.deploy("r2");
    expect(await site.must("service/status")).toContain("from r2");
    expect((await host.sh("ps -o user= -p $(systemctl show --value -p MainPID shop-web.service)")).trim()).toBe(
      "www-data",
    );
    await site.deploy("bad", "crash", 3);
    expect(await site.current()).toBe("r2");
  });

  test("of instances have a port each, and all of them switch", async () => {
    await site.describe({
      ...PLAIN,
      service: "    instances: { main: { port: 22410 }, docs: { port: 22411 } }",
    });
    for (const id of ["r1", "r2"]) {
      await site.deploy(id);
      const answers = [22410, 22411].map((port) => host.sh(`curl -s http://127.0.0.1:${port}/`));
      for (const answer of await Promise.all(answers)) expect(answer).toMatch(new RegExp(`^${id} `));
    }
    expect(await property("shop-web@docs.service", "ActiveState")).toBe("active");
    const only = { user: "deploy", env: { DEPLOY_SERVICES: "shop-web@docs" } };
    await host.must(["/opt/switchback/ops/release/rollback.ts", "--manifest", site.manifest], only);
    expect(await host.sh("curl -s http://127.0.0.1:22410/")).toMatch(/^r2 /);
    expect(await host.sh("curl -s http://127.0.0.1:22411/")).toMatch(/^r1 /);
  });

  test("of a job run at their times, from the release that is current, with its environment", async () => {
    const job = `  job: { run: "/bin/sh -c 'echo job of \${RELEASE_ID}: \${WORD}'", env: { WORD: "a b" }, schedule: "* * * * *" }`;
    await site.describe({ ...PLAIN, service: `    restart: always\n${job}` });
    await site.deploy("r1");
    await host.must(["systemctl", "start", "shop-job.service"]);
    await site.deploy("r2");
    await host.must(["systemctl", "start", "shop-job.service"]);
    expect(await text(`${site.tree}/logs/job.log`)).toBe("job of r1: a b\njob of r2: a b\n");
    expect(await host.sh("systemctl list-timers --no-legend")).toContain("shop-job.timer");
  });

  test("pruning by its timer runs as the owner", async () => {
    await site.describe({ ...PLAIN, more: 'keep_releases: 1\nprune: { schedule: "0 3 * * *" }' });
    await site.must("release/build_release", ["HEAD", "--id", "r1"]);
    expect(await site.must("release/switch_current", ["r1"], 2)).toContain("prepare_shared.ts");
    await site.must("release/prepare_shared");
    await site.must("release/switch_current", ["r1"]);
    for (const id of ["r2", "r3"]) await site.deploy(id);
    await host.must(["systemctl", "start", "shop-prune.service"]);
    expect(await text(`${site.tree}/logs/prune.log`)).toMatch(/Nothing to remove|removed/i);
    expect((await host.sh(`find ${site.tree} ! -user deploy`)).trim()).toBe("");
  });
});

describe("an operation that is killed", () => {
  beforeAll(async () => {
    host = await bootHost("killed");
    await allow(host);
    site = await layApplication(host, { ...PLAIN, socket: "proxy", nginx: false });
    await site.deploy("r1");
    await site.deploy("r2");
  });
  afterAll(() => host.down());

  test.each([100, 200, 300, 400, 600, 800])(
    "after %i ms leaves nothing that the next one does not mend",
    async (ms) => {
      const other = (await site.current()) === "r1" ? "r2" : "r1";
      const line = `/opt/switchback/ops/release/switch_current.ts --manifest ${site.manifest} ${other}`;
      await host.sh(`setsid ${line} >/dev/null 2>&1 & sleep ${ms / 1000}; kill -KILL -- -$! || true`, {
        user: "deploy",
      });
      await site.must("release/switch_current", [other]);
      expect(await site.current()).toBe(other);
      expect(await host.sh("curl -s --max-time 5 http://127.0.0.1:22400/")).toMatch(new RegExp(`^${other} `));
    },
  );
});

test("without lingering, a user's own manager is not there: what to type is said", async () => {
  host = await bootHost("linger");
  try {
    site = await layApplication(host, { supervisor: "systemd-user", socket: false, nginx: false });
    await host.sh(
      "rm /var/lib/systemd/linger/deploy; loginctl disable-linger deploy || true; systemctl stop user@1500.service",
    );
    const asDeploy = ["setpriv", "--reuid", "deploy", "--regid", "deploy", "--init-groups", "env", "HOME=/home/deploy"];
    const words = ["/opt/switchback/ops/release/deploy.ts", "--manifest", site.manifest, "HEAD", "--id", "r1"];
    const { status, stderr } = await host.run([...asDeploy, ...words]);
    expect(status).toBe(2);
    expect(stderr).toContain("sudo loginctl enable-linger deploy");
    await host.must(["loginctl", "enable-linger", "deploy"]);
    // The manager is told to start, and is there a moment later.
    await host.sh("for i in $(seq 100); do test -S /run/user/1500/bus && exit; sleep 0.1; done; exit 1");
    await host.must([...asDeploy, ...words]);
    await host.reboot();
    await host.sh(
      "for i in $(seq 100); do curl -s http://127.0.0.1:22400/ | grep -q '^r1 ' && exit; sleep 0.1; done; exit 1",
    );
  } finally {
    await host.down();
  }
});
