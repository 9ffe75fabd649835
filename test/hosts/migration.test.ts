/** A migration behind a held socket: a real systemd, a real nginx; requests wait for it, and nothing writes meanwhile. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LoadReport, showLoad, startLoad } from "../load/loading.ts";
import { bootHost, type Host } from "./host.ts";
import { allow, layApplication, type Mode, type Site, type SiteOptions, troubles, untilTrue } from "./scenario.ts";
import { untilServed } from "./served.ts";

/** So many processes of the service, and so many requests that were counted; while data is migrated both stand still. */
const LOOK = `echo "$(pgrep -fc '^/usr/bin/python3 server.py' || true) $(cat data/counted | wc -l)" >> data/seen`;

const migration = (statement: string) => `database: { sqlite: data/app.db }
migrate:
  run:
    - ${JSON.stringify(LOOK)}
    - sleep 1
    - ${JSON.stringify(`python3 -c "import sqlite3; sqlite3.connect('data/app.db', isolation_level=None).execute('${statement}')"`)}
    - ${JSON.stringify(LOOK)}
`;
const half = (statement: string) => `${migration(statement)}    - "false"\n`;

async function loaded(title: string, host: Host, work: () => Promise<unknown>): Promise<LoadReport> {
  // nginx holds 768 connections, two for each request that waits.
  const load = startLoad(`http://${host.address}/`, { rate: 50 });
  try {
    await sleep(500);
    await work();
    await sleep(500);
  } finally {
    const report = await load.stop();
    process.stdout.write(`${title}: ${showLoad(report)}\n`);
    if (report.examples.length > 0) process.stdout.write(`${report.examples.join("\n")}\n${await troubles(host)}`);
  }
  return load.stop();
}

const faults = ({ failed, lost, repeated }: LoadReport) => ({ failed, lost, repeated });
const NONE = { failed: {}, lost: [], repeated: [] };

const KINDS: [title: string, options: SiteOptions][] = [
  ["the system's manager, socket passed", { supervisor: "systemd", socket: true }],
  ["the user's own manager, socket passed", { supervisor: "systemd-user", socket: true }],
  ["the system's manager, systemd-socket-proxyd", { supervisor: "systemd", socket: "proxy" }],
];

describe.each(KINDS)("%s", (title, options) => {
  let host: Host;
  let site: Site;
  const describeWith = (more: string) => site.describe({ ...options, more });
  const tables = () =>
    host.sh(
      `python3 -c "import sqlite3; print([r[0] for r in sqlite3.connect('${site.tree}/shared/data/app.db').execute('select name from sqlite_schema')])"`,
      { user: "deploy" },
    );
  const seen = async () =>
    (await host.sh(`cat ${site.tree}/shared/data/seen; rm ${site.tree}/shared/data/seen`)).trim().split("\n");

  beforeAll(async () => {
    host = await bootHost("migration");
    await allow(host);
    site = await layApplication(host, { ...options, more: migration("CREATE TABLE one (x)") });
    await site.must("nginx/install_nginx");
    await site.deploy("r1");
    await untilServed(site.url, /^200 r1 /);
    await host.sh(`rm -f ${site.tree}/shared/data/seen`);
  });
  afterAll(() => host.down());

  test("requests wait for a slow migration, and none fails or is answered by the old release after it", async () => {
    await describeWith(migration("CREATE TABLE two (x)"));
    const report = await loaded(`${title}, a migration`, host, () => site.deploy("r2"));
    expect(faults(report)).toEqual(NONE);
    expect(Object.keys(report.releases).toSorted()).toEqual(["r1", "r2"]);
    const [before = "", after] = await seen();
    expect(before).toMatch(/^0 [1-9]/);
    expect(after).toBe(before);
    expect(report.max).toBeGreaterThan(950);
    expect(await tables()).toContain("two");
  });

  const bad: [string, string, Mode][] = [
    ["a migration that fails", half("CREATE TABLE three (x)"), "ok"],
    ["a release that fails its gate after a good migration", migration("CREATE TABLE three (x)"), "sick"],
  ];
  // What leads back is the same for each, but for the door of systemd-socket-proxyd, which is closed and opened again.
  const isFirst = options === KINDS[0]?.[1];
  const own = isFirst ? bad : options.socket === "proxy" ? bad.slice(1) : [];
  for (const [what, more, mode] of own)
    test(`${what}: the data is as before, and requests only waited`, async () => {
      await site.describe({ ...options, more, timeout: "2s" });
      const id = `bad-${mode}`;
      const report = await loaded(`${title}, ${what}`, host, () => site.deploy(id, mode, 3));
      expect(faults(report)).toEqual(NONE);
      expect(await site.current()).toBe("r2");
      expect(await site.answer()).toMatch(/^200 r2 /);
      const [before = "", after] = await seen();
      expect(before).toMatch(/^0 /);
      expect(after).toBe(before);
      expect(await tables()).not.toContain("three");
      expect(await host.sh(`ls ${site.tree}/shared/data`)).toContain("app.db.failed-");
      expect(await host.sh(`ls ${site.tree}/run`)).not.toContain("migrating");
    });

  if (isFirst)
    test("a scheduled backup by its timer's unit; a restore of it, and requests only waited", async () => {
      const backup = "database: { sqlite: data/app.db }\nbackups: { schedule: '10 3 * * *', keep: { last: 2 } }\n";
      await site.must("release/prepare_shared");
      await describeWith(backup);
      // The tree keeps the manifest of its last deploy, which the unit reads.
      await site.deploy("r3");
      await host.sh("systemctl set-environment PATH=/usr/bin:/bin");
      for (let time = 0; time < 3; time++) await host.must(["systemctl", "start", "shop-backup.service"]);
      await host.sh("systemctl unset-environment PATH");
      expect(await host.must(["systemctl", "show", "-P", "Unit", "shop-backup.timer"])).toBe("shop-backup.service\n");
      const made = await host.sh(
        `cd ${site.tree}/backups; stat -c %U $(grep -l '"reason": "scheduled"' */BACKUP.json)`,
      );
      expect(made).toBe("deploy\ndeploy\n");
      const before = await tables();
      await host.sh(
        `python3 -c "import sqlite3; sqlite3.connect('${site.tree}/shared/data/app.db', isolation_level=None).execute('CREATE TABLE later (x)')"`,
        { user: "deploy" },
      );
      const report = await loaded(`${title}, a restore`, host, () => site.must("data/restore", ["latest", "--yes"]));
      expect(faults(report)).toEqual(NONE);
      expect(await tables()).toBe(before);
      expect(await site.answer()).toMatch(/^200 r3 /);
      expect(await host.sh(`ls ${site.tree}/run`)).not.toContain("migrating");
    });

  test("a power cut in the middle: nothing starts on the half-migrated data, and recovery brings it back", async () => {
    await describeWith(migration("CREATE TABLE four (x)").replace("sleep 1", "sleep 60"));
    await site.commit("ok");
    const before = await site.current();
    const cut = site.op("release/deploy", "HEAD", "--id", "cut").catch(() => undefined);
    for (let tries = 0; tries < 200; tries++) {
      if ((await host.sh(`ls ${site.tree}/shared/data`)).includes("seen")) break;
      await sleep(100);
    }
    // The system's manager is up only once the service is, which waits for the recovery.
    // A start that is called off counts as failed until the next one.
    const booted = host.reboot({ hard: true }).catch(() => undefined);
    await cut;
    await untilTrue(host, `pgrep -f "^/bin/sh -c .* ${site.tree}/run/migrating$"`);
    await sleep(1_000);
    expect(await host.sh("pgrep -fc '^/usr/bin/python3 server.py' || true")).toMatch(/^0/);
    await site.must("release/recover");
    await booted;
    await untilServed(site.url, new RegExp(`^200 ${before} `));
    expect(await tables()).not.toContain("four");
  });
});
