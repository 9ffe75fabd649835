/** Jobs while releases and data change: a real systemd's oneshot units, which no switch cuts, starts again, or lets at data in between. */
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { bootHost, entering, type Host, SUITE } from "./host.ts";
import { allow, layApplication, type Site, type SiteOptions, untilTrue } from "./scenario.ts";

const SIGN = "/srv/shop/sign";
const JOB = `  reindex:\n    run: sh job.sh ${SIGN}\n    harden: off\n    schedule: "0 3 * * *"\n`;
const OTHER = JOB.replace("schedule:", 'env: { ROUND: "2" }\n    schedule:');
const options = (supervisor: "systemd" | "systemd-user", drain: string, job = JOB): SiteOptions => ({
  supervisor,
  socket: false,
  nginx: false,
  // Behind the keys of web, the next service.
  more: `${job}${drain}`,
});
const PROCEED = 'drain: { run: "true", every: 50ms, timeout: 300ms, then: proceed }';

describe.each(["systemd", "systemd-user"] as const)("%s", (supervisor) => {
  let host: Host;
  let site: Site;
  const ctl = supervisor === "systemd" ? "systemctl" : "systemctl --user";
  const user = supervisor === "systemd" ? {} : { user: "deploy" };
  const state = async () =>
    (await host.sh(`${ctl} show -P ActiveState -P MainPID shop-reindex.service`, user)).trim().split("\n").toSorted();
  const start = async () => {
    await host.sh(`${ctl} start --no-block shop-reindex.service`, user);
    for (;;) {
      const [pid, active] = await state();
      if (active === "activating" && pid !== "0") return pid;
      await sleep(20);
    }
  };
  const end = () => host.must(["touch", `${SIGN}/end`], { user: "deploy" });
  const pids = () => host.sh(`cat ${SIGN}/pids 2>/dev/null || true`);
  const isAt = async () => (await host.sh(`readlink /proc/$(tail -n 1 ${SIGN}/pids)/cwd || true`)).trim();

  beforeAll(async () => {
    host = await bootHost(`jobs-${supervisor === "systemd" ? "system" : "user"}`);
    await allow(host);
    site = await layApplication(host, options(supervisor, ""));
    const job = `echo $$ >>$1/pids; while [ ! -e $1/end ]; do sleep 0.05; done; echo "$RELEASE_ID" >>$1/ends\n`;
    await host.write(`${site.app}/job.sh`, job, { user: "deploy" });
    await host.must(["mkdir", SIGN], { user: "deploy" });
    await site.deploy("r1");
    await site.deploy("r2");
  });
  afterAll(() => host.down());
  afterEach(async () => {
    await host.sh(
      `touch ${SIGN}/end; while [ "$(${ctl} is-active shop-reindex.service)" = activating ]; do sleep 0.05; done; rm ${SIGN}/end`,
      user,
    );
    await site.describe(options(supervisor, ""));
    await site.must("release/switch_current", ["r2"]);
  });

  test("a switch waits for a job that runs, and goes on when it ends", async () => {
    const pid = await start();
    const words = [...entering(host.place, { user: "deploy" }), `${SUITE}/ops/release/switch_current.ts`];
    const child = spawn(words[0] as string, [...words.slice(1), "--manifest", site.manifest, "r1"]);
    let said = "";
    child.stdout.on("data", (data: Buffer) => void (said += data.toString()));
    while (!said.includes(`busy: job reindex (pid ${pid}, `)) await sleep(20);
    await sleep(300);
    expect(await site.current()).toBe("r2");
    expect(await state()).toEqual([pid, "activating"]);
    await end();
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect([code, await site.current()]).toEqual([0, "r1"]);
    expect(await host.must(["tail", "-n", "1", `${SIGN}/ends`])).toBe("r2\n");
  });

  // It is the same by either manager.
  const units = [
    ["its unit changes", OTHER],
    ["its unit goes", ""],
  ] as const;
  for (const [what, job] of supervisor === "systemd" ? units : [])
    test(`under proceed a job that runs keeps its process: ${what}`, async () => {
      await site.describe(options(supervisor, PROCEED));
      const pid = await start();
      await site.describe(options(supervisor, PROCEED, job));
      // Behind r2, so that it runs as the manifest in use says.
      await site.commit("ok");
      const id = `p${Math.random().toString(36).slice(2, 8)}`;
      expect(await site.must("release/deploy", ["HEAD", "--id", id])).toContain(`job reindex (pid ${pid}, `);
      expect(await site.current()).toBe(id);
      expect(await state()).toEqual([pid, "activating"]);
      expect(await isAt()).toBe(`${site.tree}/releases/r2`);
      await end();
      await host.sh(`while [ -e /proc/${pid} ]; do sleep 0.05; done`);
      expect(await host.must(["tail", "-n", "1", `${SIGN}/ends`])).toBe("r2\n");
    });

  if (supervisor === "systemd")
    test("a job of another account, which only root sees into, keeps every release that may be its own", async () => {
      await host.sh(`rm -f ${SIGN}/pids ${SIGN}/ends; chmod 777 ${SIGN}`);
      await site.describe(options(supervisor, PROCEED, `${JOB}    user: nobody\n`));
      await site.deploy("n1");
      const pid = await start();
      await site.deploy("n2");
      await site.deploy("n3");
      const words = ["--keep", "1", "--dry-run"];
      const said = await site.must("release/prune", words);
      expect(said).toMatch(new RegExp(`stays  n1  .*job reindex \\(pid ${pid}, .*\\), for all that deploy may see`));
      await end();
      await host.sh(`while [ -e /proc/${pid} ]; do sleep 0.05; done; rm ${SIGN}/*s`);
      expect(await site.must("release/prune", words)).toMatch(/goes {3}n1 /);
    });

  const migrated = (seconds: number) =>
    options(supervisor, `migrate: { run: ["touch ${SIGN}/at", "sleep ${seconds}"] }`);
  /** Deploys behind it, and starts the job once the migration works. */
  const meanwhile = async (id: string, seconds: number) => {
    await host.sh(`rm -f ${SIGN}/pids ${SIGN}/at`);
    await site.describe(migrated(seconds));
    await site.commit("ok");
    const deployed = site.op("release/deploy", "HEAD", "--id", id);
    await host.sh(`until [ -e ${SIGN}/at ]; do sleep 0.05; done`);
    await host.sh(`${ctl} start --no-block shop-reindex.service`, user);
    return deployed.catch(() => undefined);
  };

  test("a job whose time comes while data is migrated waits, and then works in the new release", async () => {
    const deployed = meanwhile("m1", 1);
    await host.sh(`until [ "$(${ctl} show -P SubState shop-reindex.service)" = start-pre ]; do sleep 0.05; done`, user);
    await sleep(200);
    expect(await pids()).toBe("");
    expect((await deployed)?.status).toBe(0);
    await host.sh(`until [ -s ${SIGN}/pids ]; do sleep 0.05; done`);
    expect(await isAt()).toBe(`${site.tree}/releases/m1`);
    expect(await host.must(["cat", `${site.tree}/logs/reindex.log`])).toMatch(/^waits while data is changed; /m);
  });

  if (supervisor === "systemd")
    test("a power cut while data is migrated: no service starts at boot, held socket or not, and no job, until it is recovered from", async () => {
      const deployed = meanwhile("cut", 60);
      await host.sh(`until [ "$(systemctl show -P SubState shop-reindex.service)" = start-pre ]; do sleep 0.05; done`);
      const booted = host.reboot({ hard: true }).catch(() => undefined);
      await deployed;
      await untilTrue(host, '[ "$(systemctl show -P SubState shop-web.service)" = start-pre ]');
      await host.sh("systemctl start --no-block shop-reindex.service");
      await sleep(1_000);
      expect([await pids(), await host.sh("pgrep -fc '^/usr/bin/python3 server.py' || true")]).toEqual(["", "0\n"]);
      expect(await host.must(["tail", "-n", "1", `${site.tree}/logs/web.log`])).toMatch(/ops\/release\/recover\.ts$/m);
      expect(await site.must("release/recover")).toContain("serves again");
      await host.sh(`until [ -s ${SIGN}/pids ]; do sleep 0.05; done`);
      expect(await isAt()).toBe(`${site.tree}/releases/${await site.current()}`);
      // While a job works at its beginning, a boot is not done.
      await end();
      await booted;
      expect(await host.must(["curl", "-s", "http://127.0.0.1:22400/"])).toContain(await site.current());
    });
});
