/** Whether the services of the release that is current run: as the API, its figures and the page tell it. */
import { spawn } from "node:child_process";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { servingLook, servingOf } from "../../scripts/api/serving.ts";
import type { Context } from "../../scripts/core/context.ts";
import { makeHost } from "../release/host.ts";

const none = {} as Context;

test("it looks when it is asked, once in two seconds, however many ask", async () => {
  let looks = 0;
  const look = servingLook(none, async () => (await sleep(20), ++looks, true));
  await sleep(30);
  expect(looks).toBe(0);
  expect(await Promise.all([look(), look(), look()])).toEqual([true, true, true]);
  expect(await look()).toBe(true);
  expect(looks).toBe(1);
  await sleep(2_050);
  await look();
  expect(looks).toBe(2);
});

test("a manager that hangs or fails keeps nobody waiting: it is not known then", async () => {
  const hanging = servingLook(none, () => new Promise<boolean>(() => {}));
  const began = performance.now();
  expect(await Promise.all([hanging(), hanging()])).toEqual([null, null]);
  expect(performance.now() - began).toBeLessThan(1_500);
  expect(await servingLook(none, () => Promise.reject(new Error("no bus")))()).toBeNull();
});

type Seen = ["running" | "stopped" | "died", string | null];

test.each<[boolean | null, Seen[]]>([
  [
    true,
    [
      ["running", "v4"],
      ["running", "v4"],
    ],
  ],
  [
    false,
    [
      ["running", "v4"],
      ["stopped", null],
    ],
  ],
  [false, [["died", null]]],
  [false, [["running", "v3"]]],
  [
    null,
    [
      ["running", "v4"],
      ["running", null],
    ],
  ],
  [null, []],
])("%j for %j", (wanted, services) => {
  const seen = services.map(([state, release_id]) => ({ state, release_id }));
  expect(servingOf("v4", seen)).toBe(wanted);
  expect(servingOf(null, seen)).toBeNull();
});

const host = makeHost("services: { web: { run: sleep 1000 } }\nhealth: { run: 'true', soak: 20ms, every: 10ms }\n");
afterAll(() => host.clear());

async function serve() {
  const child = spawn(path.resolve("ops/release/release-registry.ts"), ["serve", "--port", "0"], {
    cwd: host.at("app"),
    env: { PATH: "/usr/bin:/bin", HOME: host.at() },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stdout.on("data", (text) => (said += String(text)));
  for (let i = 0; i < 200 && !said.includes("http"); i++) await sleep(25);
  const [url = ""] = /http:\/\/\S+(?=\/)/.exec(said) ?? [];
  return async (address: string) => (await fetch(url + address)).text();
}

test("services that are stopped make the page say so, and those that are started again take it back", async () => {
  host.must("release/deploy", "HEAD", "--id", "v4");
  const get = await serve();
  const titleOf = async () => /<title>([^<]*)/.exec(await get("/"))?.[1];
  const gaugeOf = async () => /^switchback_serving\{[^}]*\} (\d)$/m.exec(await get("/metrics"))?.[1];
  expect([await titleOf(), await gaugeOf()]).toEqual(["demo: v4 runs", "1"]);
  host.must("service/stop");
  await sleep(2_100);
  expect([await titleOf(), await gaugeOf()]).toEqual(["demo: v4 is current and does not serve", "0"]);
  expect(await get("/")).toMatch(/<h1[^>]*>.*v4.*is current and does not serve.*<\/h1>/s);
  expect(await get("/")).toContain("is current, and does not serve</span>");
  expect(await get("/releases/v4")).not.toContain("Runs on");
  host.must("service/start");
  await sleep(2_100);
  expect([await titleOf(), await gaugeOf()]).toEqual(["demo: v4 runs", "1"]);
}, 30_000);
