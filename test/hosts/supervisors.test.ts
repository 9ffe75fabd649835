/** A tree whose supervisor changes while it serves, instances that come and go, and two trees of one name. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootHost, type Host } from "./host.ts";
import { allow, layApplication, type Site, type SiteOptions } from "./scenario.ts";

const UNITS = "/etc/systemd/system";
const PLAIN: SiteOptions = { supervisor: "systemd", socket: false, nginx: false };
const PRUNE = 'prune: { schedule: "0 3 * * *" }';
const instances = (names: string[]): string =>
  `    instances: { ${names.map((name, index) => `${name}: { port: ${22410 + index} }`).join(", ")} }`;

let host: Host;
let site: Site;
const states = async (verb: "is-active" | "is-enabled", ...units: string[]) =>
  (await host.run(["systemctl", verb, ...units])).stdout.trim().split("\n");
const servers = async () => (await host.sh("pgrep -fc '[p]ython3 server.py' || true")).trim();
const answer = async (port: number) => (await host.run(["curl", "-s", `http://127.0.0.1:${port}/`])).stdout;

beforeAll(async () => {
  host = await bootHost("supervisors");
  await allow(host);
  site = await layApplication(host, PLAIN);
  await site.must("release/prepare_shared");
});
afterAll(() => host.down());

describe("under systemd", () => {
  test("instances that go stop, come up no more, and come back with a release that is restored", async () => {
    const units = ["shop-web@main.service", "shop-web@docs.service", "shop-prune.timer"];
    await site.describe({ ...PLAIN, service: instances(["main", "docs"]), more: PRUNE });
    await site.deploy("r1");
    await site.describe({ ...PLAIN, service: instances(["main"]), more: PRUNE });
    await site.deploy("bad", "broken", 3);
    for (const verb of ["is-active", "is-enabled"] as const)
      expect(await states(verb, ...units)).toEqual(units.map(() => (verb === "is-active" ? "active" : "enabled")));
    await site.deploy("r2");
    expect(await states("is-active", ...units)).toEqual(["active", "inactive", "active"]);
    expect(await states("is-enabled", ...units)).toEqual(["enabled", "disabled", "enabled"]);
    expect(await host.sh(`find ${UNITS} -name '*docs.service' -o -name '*docs*.conf'`)).toBe("");
  });

  test("a switch to pid files that fails brings back what comes up at boot, timers included", async () => {
    const units = ["shop-web@main.service", "shop-prune.timer"];
    await site.describe({ ...PLAIN, supervisor: "pidfile", service: instances(["main"]), more: PRUNE });
    await site.deploy("bad2", "broken", 3);
    expect(await site.current()).toBe("r2");
    expect(await states("is-active", ...units)).toEqual(["active", "active"]);
    expect(await states("is-enabled", ...units)).toEqual(["enabled", "enabled"]);
    expect(await servers()).toBe("1");
  });
});

test("from one supervisor to the next, one process serves, and the units before are gone", async () => {
  for (const [index, supervisor] of (["pidfile", "systemd-user", "systemd", "pidfile"] as const).entries()) {
    await site.describe({ ...PLAIN, supervisor });
    await site.deploy(`s${index}`);
    expect(await answer(22400)).toMatch(new RegExp(`^s${index} `));
    expect(await servers()).toBe("1");
    const left = await host.sh(`find ${UNITS} /home/deploy/.config/systemd -name 'shop-web.service' -type f || true`);
    expect(left.trim().split("\n").filter(Boolean)).toHaveLength(supervisor === "pidfile" ? 0 : 1);
    expect(await host.sh("systemctl --failed --no-legend")).toBe("");
  }
});

test("a restart by a manager that has no unit yet is refused before anything stops", async () => {
  const before = await answer(22400);
  await site.describe(PLAIN);
  expect(await site.must("service/restart", [], 2)).toContain("install_systemd.ts");
  expect(await answer(22400)).toBe(before);
});

test("doctor says who starts the jobs: nobody yet, cron, or cron and a manager", async () => {
  const found = async () => /. crontab .*/.exec((await site.op("host/doctor")).stdout)?.[0];
  await site.describe({ ...PLAIN, supervisor: "pidfile", more: PRUNE });
  expect(await found()).toContain("cron is to start prune");
  await site.must("schedule/install_crontab");
  expect(await found()).toMatch(/✓ crontab +prune/);
  await site.describe({ ...PLAIN, more: PRUNE });
  expect(await found()).toContain("systemd starts them too");
  await site.must("schedule/install_crontab");
  expect(await found()).toBeUndefined();
  await site.describe(PLAIN);
});

describe("another tree of the same name", () => {
  const other = "/srv/shop/other.yaml";
  const op = (name: string) => host.run([`/opt/switchback/ops/${name}.ts`, "--manifest", other], { user: "deploy" });

  test("is refused its units, with the key to set, and neither stops nor shows the first one's services", async () => {
    await site.deploy("u1");
    const before = await answer(22400);
    await host.sh(
      `sed 's|/srv/shop/tree|/srv/shop/tree2|; s|^app: shop|&\\nsource: {repo: app}|' ${site.manifest} >${other}`,
    );
    for (const command of ["systemd/install_systemd", "release/deploy"]) {
      const { status, stderr } = await op(command);
      expect([command, status]).toEqual([command, 2]);
      expect(stderr).toContain("shop-web.service belongs to the tree /srv/shop/tree");
      expect(stderr).toContain("app: shop-2");
    }
    expect((await op("service/status")).stdout).toContain("○ web");
    expect((await op("service/stop")).stdout).not.toContain("Stop web");
    expect(await answer(22400)).toBe(before);
  });

  test("takes them over once the first one is gone", async () => {
    await host.sh("mv /srv/shop/tree /srv/shop/was");
    expect((await op("systemd/install_systemd")).status).toBe(0);
    await host.sh("rm -r /srv/shop/tree2; mv /srv/shop/was /srv/shop/tree");
  });
});

test("settings that root alone may read keep nobody from deploying", async () => {
  await host.sh(
    `rm ${UNITS}/shop-web.service; systemctl daemon-reload; echo WORD=secret >/etc/shop.env; chmod 600 /etc/shop.env`,
  );
  await site.describe({ ...PLAIN, service: "    env_file: /etc/shop.env\n    env_required: [WORD]" });
  expect((await site.op("host/doctor")).stdout).toContain("/etc/shop.env is for root alone");
  await site.deploy("e1");
  expect(await host.sh("tr '\\0' '\\n' </proc/$(systemctl show --value -p MainPID shop-web)/environ")).toContain(
    "WORD=secret",
  );
});
