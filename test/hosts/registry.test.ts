/** The release API under a real systemd: in its sandbox, beside deploys, across a boot, and gone when the manifest does not want it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootHost, type Host } from "./host.ts";
import { allow, layApplication, type Site, type SiteOptions } from "./scenario.ts";

const UNIT = "shop-registry.service";
const PORT = 22480;
const TOKEN = "0123456789abcdef0123";
const wanting = (serve: string): SiteOptions => ({ socket: false, nginx: false, more: `registry:\n  serve: ${serve}` });

let host: Host;
let site: Site;
beforeAll(async () => {
  host = await bootHost("registry");
  await allow(host);
  site = await layApplication(host, wanting(`{ port: ${PORT} }`));
  // The suite that the unit starts is the tree's own.
  await site.must("release/prepare_shared");
});
afterAll(() => host.down());

const property = async (name: string) =>
  (await host.must(["systemctl", "show", "--value", `--property=${name}`, UNIT])).trim();
/** What a user of the host gets, once it is up. */
const ask = (address: string, ...words: string[]) =>
  host.must([
    "curl",
    "-s",
    "--retry",
    "20",
    "--retry-connrefused",
    "--retry-delay",
    "1",
    ...words,
    `http://127.0.0.1:${PORT}${address}`,
  ]);
const rows = async () => JSON.parse(await ask("/api/releases")) as { release_id: string; status: string }[];

test("the first deploy brings it up, in a sandbox from which it reads what is written from then on", async () => {
  await site.deploy("r1");
  expect(await property("ActiveState")).toBe("active");
  expect(await rows()).toMatchObject([{ release_id: "r1", status: "deployed" }]);
  const pid = await property("MainPID");
  await site.deploy("r2");
  expect(await rows()).toMatchObject([
    { release_id: "r2", status: "deployed" },
    { release_id: "r1", status: "replaced" },
  ]);
  await site.deploy("bad", "sick", 3);
  await site.must("release/rollback");
  expect((await rows()).map(({ status }) => status)).toEqual(["deploy_failed", "replaced_by_rollback", "rolled_back"]);
  expect(await ask("/")).toContain("r1");
  expect(await ask("/metrics")).toContain('switchback_release_info{app="shop"');
  // No switch restarts it, and it writes in no other folder than the tree's own.
  expect([await property("MainPID"), await property("NRestarts")]).toEqual([pid, "0"]);
  const enter = (line: string) =>
    host.run(["nsenter", "-t", pid, "-m", "setpriv", "--reuid=deploy", "--clear-groups", "sh", "-c", line]);
  for (const place of ["releases/x", "shared/x", "suite/x", "logs/x", "/etc/x", "/srv/shop/app/x"])
    expect([place, (await enter(`touch ${place.startsWith("/") ? place : `${site.tree}/${place}`}`)).status]).toEqual([
      place,
      1,
    ]);
});

test("it sees whether the services run, from within its sandbox", async () => {
  const serving = async () => /^switchback_serving\{.*\} (\d)$/m.exec(await ask("/metrics"))?.[1];
  const soon = { timeout: 5_000, interval: 250 };
  await expect.poll(serving, soon).toBe("1");
  await site.must("service/stop");
  await expect.poll(serving, soon).toBe("0");
  expect(await ask("/")).toContain("is current and does not serve");
  await site.must("service/start");
  await expect.poll(serving, soon).toBe("1");
});

test("the log of an operation that is at work is followed by it", async () => {
  const deploying = site.deploy("r3");
  let seen = "";
  for (let i = 0; i < 40 && seen !== "at work"; i++) {
    const [latest] = JSON.parse(await ask("/api/operations?limit=1")) as { id: string; outcome: string }[];
    if (latest?.outcome === "at work") seen = latest.outcome;
    expect(latest?.outcome).not.toBe("interrupted");
  }
  await deploying;
  expect(seen).toBe("at work");
  const [latest] = JSON.parse(await ask("/api/operations?limit=1")) as { id: string; outcome: string }[];
  expect(latest?.outcome).toBe("done");
  expect(await ask(`/api/operations/${latest?.id}/log`)).toContain("Point current at r3");
});

test("it comes up at boot, and again when it is killed", async () => {
  await host.reboot();
  expect((await rows())[0]?.release_id).toBe("r3");
  await host.sh(`systemctl kill --signal=KILL ${UNIT}; sleep 6`);
  expect((await rows())[0]?.release_id).toBe("r3");
});

test("a token is asked for as soon as the manifest names one", async () => {
  await host.write(`${site.tree}/shared/api-token`, `${TOKEN}\n`, { user: "deploy", mode: "600" });
  await site.describe(wanting(`{ port: ${PORT}, host: 0.0.0.0, token_file: api-token }`));
  await site.must("systemd/install_systemd");
  const status = (...words: string[]) => ask("/api/releases", "-o", "/dev/null", "-w", "%{http_code}", ...words);
  expect(await status()).toBe("401");
  expect(await status("-H", `Authorization: Bearer ${TOKEN}`)).toBe("200");
  expect(await status("-u", `ann:${TOKEN}`)).toBe("200");
  const said = await host.sh(`ps -ww -e -o args; cat ${site.tree}/logs/registry.log; systemctl cat ${UNIT}`);
  expect(said).not.toContain(TOKEN);
});

test("it goes when the manifest wants it no more", async () => {
  await site.describe({ socket: false, nginx: false });
  await site.must("systemd/install_systemd");
  expect((await host.run(["systemctl", "cat", UNIT])).status).not.toBe(0);
  expect((await host.run(["curl", "-s", `http://127.0.0.1:${PORT}/healthz`])).status).toBe(7);
});
