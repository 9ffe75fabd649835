/**
 * What the zero-loss switch rests on, shown without the suite: units and a site written by hand, a real systemd that holds the
 * socket, a real nginx before it. The same load on the same service without the socket fails: the load generator sees it.
 */
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { showLoad, startLoad } from "../load/loading.ts";
import { bootHost, type Host } from "./host.ts";
import { untilServed } from "./served.ts";

const PORT = 22400;
const words = (line: string) => line.split(" ");
// systemd refuses the sixth start within ten seconds.
const service = (environment: string) => `[Unit]
StartLimitIntervalSec=0
[Service]
User=deploy
WorkingDirectory=/srv/app
Environment=RELEASE_ID=r1 PORT=${PORT} ${environment}
ExecStart=/usr/bin/python3 server.py
`;
const SITE = `server {
  listen 80 default_server;
  location / { proxy_pass http://127.0.0.1:${PORT}; }
}
`;

let host: Host;
beforeAll(async () => {
  host = await bootHost("held");
  await host.write("/srv/app/server.py", fs.readFileSync(path.join(import.meta.dirname, "app/server.py"), "utf8"), {
    user: "deploy",
  });
  await host.sh("mkdir /srv/app/data; echo ok >/srv/app/mode", { user: "deploy" });
  await host.write("/etc/systemd/system/held.socket", `[Socket]\nListenStream=127.0.0.1:${PORT}\n`);
  await host.write("/etc/systemd/system/held.service", service(""));
  await host.write("/etc/systemd/system/bare.service", service("OWN_PORT=1"));
  await host.write("/etc/nginx/sites-enabled/default", SITE);
  await host.sh("systemctl daemon-reload; systemctl reload nginx");
});
afterAll(() => host.down());

/** Restarts a unit so many times under load, a second apart. */
async function loaded(unit: string, times: number) {
  const url = `http://${host.address}/`;
  await untilServed(url, /^200 r1 /);
  const load = startLoad(url);
  try {
    await sleep(500);
    for (let time = 0; time < times; time++) {
      await host.must(["systemctl", "restart", unit]);
      await sleep(1_000);
    }
  } finally {
    await load.stop();
  }
  const report = await load.stop();
  process.stdout.write(`${unit}, restarted ${times} times: ${showLoad(report)}; late ${report.late.toFixed(0)} ms\n`);
  return report;
}

test("ten restarts under load lose no request where the socket is held", async () => {
  await host.must(words("systemctl start held.socket held.service"));
  const report = await loaded("held.service", 10);
  expect([report.failed, report.lost, report.repeated]).toEqual([{}, [], []]);
  expect(report.requests).toBeGreaterThan(1_000);
  expect(report.releases).toEqual({ r1: report.gets });
  expect(report.p99).toBeLessThan(2_000);
});

test("the same load sees what is lost where it is not", async () => {
  await host.must(words("systemctl stop held.socket held.service"));
  await host.must(words("systemctl start bare.service"));
  const report = await loaded("bare.service", 2);
  expect(report.failed["status 502"]).toBeGreaterThan(20);
});
