/** launchd cannot run here: these tests talk to a double of launchctl (bin/launchctl), which runs the services for real. */
import fs from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { observeProcess } from "../../scripts/processes/processes.ts";
import { isGone, until, written } from "../service/tree.ts";
import { makeMac } from "./mac.ts";

let mac: ReturnType<typeof makeMac>;
beforeEach(() => {
  mac = makeMac();
});
afterEach(() => mac.clear());

const SERVER = `sh -c 'echo "$RELEASE_ID $WORD $$" >>out; exec sleep 1000'`;
const web = (more: Record<string, unknown> = {}) => ({
  services: { web: { run: SERVER, env: { WORD: "one" }, stop_timeout: "2s", ...more } },
});
const words = (file: string) =>
  fs.readFileSync(mac.at("tree", file), "utf8").trim().split("\n").at(-1)?.split(" ") ?? [];

describe("start", () => {
  test("loads the job, and answers with the pid of the service itself, which works in the release", async () => {
    const { supervisor, one, release } = mac.install(web());
    expect(await supervisor.observe("web")).toEqual({
      name: "web",
      state: "stopped",
      processes: [],
      pidFile: "missing",
    });
    const { already, pid, startTime } = await supervisor.start(one("web"), release());
    expect(already).toBe(false);
    expect(await written(mac.at("tree/releases/r1/out"))).toBe(`r1 one ${pid}\n`);
    expect(mac.calls()).toEqual([`bootstrap gui/501 ${mac.at("home/Library/LaunchAgents/shop.web.plist")}`]);
    expect(await supervisor.observe("web")).toMatchObject({
      state: "running",
      pid,
      startTime,
      releaseId: "r1",
      processes: [pid],
      pidFile: "ok",
    });
    expect(await supervisor.start(one("web"), release())).toEqual({ already: true, pid, startTime, warnings: [] });
  });

  test("tries again while launchd answers with error 5", async () => {
    const { supervisor, one, release } = mac.install(web());
    mac.order("fail-bootstrap", 3);
    const { pid } = await supervisor.start(one("web"), release());
    expect(observeProcess(pid)).toBeDefined();
    expect(mac.calls().filter((line) => line.startsWith("bootstrap"))).toHaveLength(4);
  });

  test("starts at once what is loaded and does not run", async () => {
    const { supervisor, one, release } = mac.install(
      web({ run: `sh -c 'echo "$$" >>out; [ -e stay ] && exec sleep 1000'`, restart: "never" }),
    );
    const { pid } = await supervisor.start(one("web"), release());
    await until(() => pid === 0 || isGone(pid));
    await until(() => /state = not running/.test(mac.launchctl("print", "gui/501/shop.web").stdout));
    expect(await supervisor.observe("web")).toMatchObject({ state: "stale", processes: [] });
    fs.writeFileSync(mac.at("tree/releases/r1/stay"), "");
    mac.calls();
    expect((await supervisor.start(one("web"), release())).pid).toBeGreaterThan(1);
    expect(mac.calls()).toEqual(["kickstart gui/501/shop.web"]);
  });

  test("refuses a service whose property list is not installed", async () => {
    const { supervisor, one, release } = mac.install(web());
    fs.rmSync(mac.at("home/Library/LaunchAgents/shop.web.plist"));
    await expect(supervisor.start(one("web"), release())).rejects.toMatchObject({
      exit: 2,
      message: expect.stringContaining("gui/501/shop.web is not installed"),
    });
  });

  test("tells what launchctl says for good", async () => {
    const { supervisor, one, release } = mac.install(web());
    fs.writeFileSync(mac.at("home/Library/LaunchAgents/shop.web.plist"), "no property list");
    await expect(supervisor.start(one("web"), release())).rejects.toMatchObject({
      exit: 1,
      next: expect.arrayContaining([expect.stringContaining("plutil -lint")]),
    });
  });
});

describe("stop", () => {
  test("waits until the process has ended, though launchctl answers before", async () => {
    const { supervisor, one, release } = mac.install(
      web({ run: `sh -c 'trap "sleep 0.7; exit 0" TERM; echo x >>out; while :; do sleep 0.1; done'` }),
    );
    const { pid } = await supervisor.start(one("web"), release());
    await written(mac.at("tree/releases/r1/out"));
    const since = performance.now();
    expect(await supervisor.stop("web", 2_000)).toMatchObject({
      already: false,
      wasKilled: false,
      pids: expect.arrayContaining([pid]),
    });
    expect(performance.now() - since).toBeGreaterThan(600);
    expect(isGone(pid)).toBe(true);
    expect(mac.launchctl("print", "gui/501/shop.web").status).toBe(113);
    expect(await supervisor.stop("web", 2_000)).toEqual({ already: true, wasKilled: false, pids: [] });
  });

  test("asks once more when bootout itself fails, and ends what left the job's group", async () => {
    const { supervisor, one, release } = mac.install(web({ run: `sh -c 'setsid sleep 987 & exec sleep 1000'` }));
    const { pid } = await supervisor.start(one("web"), release());
    const all = await until(async () => (await supervisor.observe("web")).processes).then(() =>
      supervisor.observe("web"),
    );
    mac.order("fail-bootout", 1);
    const { pids } = await supervisor.stop("web", 2_000);
    expect(pids).toEqual(expect.arrayContaining([pid, ...all.processes]));
    expect(pids.every(isGone)).toBe(true);
  });

  test("tells when the service had to be killed", async () => {
    const { supervisor, one, release } = mac.install(
      web({ run: `sh -c 'trap "" TERM; echo x >>out; while :; do sleep 0.1; done'`, stop_timeout: "1s" }),
    );
    await supervisor.start(one("web"), release());
    await written(mac.at("tree/releases/r1/out"));
    expect((await supervisor.stop("web", 1_000)).wasKilled).toBe(true);
  });
});

describe("restart", () => {
  test("ends the process by TERM, and has the same job started from the release that is current by then", async () => {
    const { supervisor, one, release } = mac.install(web());
    const first = await supervisor.start(one("web"), release());
    await written(mac.at("tree/releases/r1/out"));
    mac.calls();
    mac.link("r2");
    const second = await supervisor.restart(one("web"), release());
    expect(await written(mac.at("tree/releases/r2/out"))).toBe(`r2 one ${second.pid}\n`);
    expect(isGone(first.pid)).toBe(true);
    expect(mac.calls()).toEqual(["kill SIGTERM gui/501/shop.web", "kickstart gui/501/shop.web"]);
  });

  test("kills what does not end in time", async () => {
    const { supervisor, one, release } = mac.install(
      web({ run: `sh -c 'trap "" TERM; echo x >>out; while :; do sleep 0.1; done'`, stop_timeout: "500ms" }),
    );
    const { pid } = await supervisor.start(one("web"), release());
    await written(mac.at("tree/releases/r1/out"));
    mac.calls();
    expect((await supervisor.restart(one("web"), release())).pid).not.toBe(pid);
    expect(mac.calls().at(-1)).toBe("kickstart -k gui/501/shop.web");
  });

  test("loads a property list that differs from the loaded one", async () => {
    const { supervisor, one, release } = mac.install(web());
    await supervisor.start(one("web"), release());
    await written(mac.at("tree/releases/r1/out"));
    mac.calls();
    mac.install(web({ env: { WORD: "two" } }));
    const { pid } = await supervisor.restart(one("web"), release());
    await until(() => words("releases/r1/out")[2] === String(pid));
    expect(words("releases/r1/out")).toEqual(["r1", "two", String(pid)]);
    expect(mac.calls().map((line) => line.split(" ")[0])).toEqual(["bootout", "bootstrap"]);
  });
});

test("KeepAlive brings a killed service back, and it counts as running meanwhile", async () => {
  const { supervisor, one, release } = mac.install(web({ restart_sec: "1s" }));
  const { pid } = await supervisor.start(one("web"), release());
  await written(mac.at("tree/releases/r1/out"));
  process.kill(pid, "SIGKILL");
  await until(() => isGone(pid));
  expect((await supervisor.observe("web")).state).toBe("running");
  await until(() => words("releases/r1/out")[2] !== String(pid));
});

test("an instance is a job of its own", async () => {
  const run = `sh -c 'echo "$0 $PORT" >>out; exec sleep 1000' %i`;
  const { supervisor, one, release } = mac.install({
    services: { web: { run, instances: { main: { port: 22103 } } } },
  });
  await supervisor.start(one("web@main"), release());
  expect(await written(mac.at("tree/releases/r1/out"))).toBe("main 22103\n");
  expect(mac.launchctl("print", "gui/501/shop.web.main").status).toBe(0);
  expect((await supervisor.stop("web@main", 1_000)).already).toBe(false);
});
