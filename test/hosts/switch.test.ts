/** Requests are not dropped: a real systemd, a real nginx, GET and POST each on a new connection, while releases change. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LoadReport, showLoad, startLoad } from "../load/loading.ts";
import { bootHost, type Host } from "./host.ts";
import { allow, layApplication, type Mode, type Site, type SiteOptions, troubles } from "./scenario.ts";
import { untilServed } from "./served.ts";

const SWITCHES = 10;
/** Each is deployed, fails its gate, and is rolled back. */
const BAD: Mode[] = ["sick", "crash", "sick", "crash", "sick"];

/** Loads a site while something is done with it, and says how the requests fared. */
async function loaded(title: string, host: Host, work: () => Promise<void>): Promise<LoadReport> {
  const load = startLoad(`http://${host.address}/`);
  try {
    await sleep(500);
    await work();
    await sleep(500);
  } finally {
    const report = await load.stop();
    process.stdout.write(`${title}: ${showLoad(report)}\n`);
    if (report.examples.length > 0) process.stdout.write(await troubles(host));
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
  beforeAll(async () => {
    host = await bootHost("switch");
    await allow(host);
    site = await layApplication(host, options);
    await site.must("nginx/install_nginx");
    await site.deploy("r1");
    await site.deploy("r2");
    await untilServed(site.url, /^200 r2 /);
  });
  afterAll(() => host.down());

  test(`${SWITCHES} switches lose no request`, async () => {
    const report = await loaded(`${title}, ${SWITCHES} switches`, host, async () => {
      for (let turn = 0; turn < SWITCHES; turn++) await site.must("release/switch_current", [turn % 2 ? "r2" : "r1"]);
    });
    expect(faults(report)).toEqual(NONE);
    expect(Object.keys(report.releases).toSorted()).toEqual(["r1", "r2"]);
    expect(report.p50).toBeLessThan(1_000);
  });

  test(`${BAD.length} releases that are no good are rolled back, and lose no request`, async () => {
    const report = await loaded(`${title}, ${BAD.length} rollbacks`, host, async () => {
      for (const [turn, mode] of BAD.entries()) await site.deploy(`bad${turn}`, mode, 3);
    });
    expect(faults(report)).toEqual(NONE);
    expect(await site.current()).toBe("r2");
    expect(await site.answer()).toMatch(/^200 r2 /);
  });

  test.each([
    ["a clean reboot", false],
    ["a power cut", true],
  ])("%s: it serves again, and switches", async (_, hard) => {
    await host.reboot({ hard });
    await untilServed(site.url, /^200 r2 /);
    await site.must("release/switch_current", ["r1"]);
    expect(await site.answer()).toMatch(/^200 r1 /);
    await site.must("release/switch_current", ["r2"]);
  });
});
