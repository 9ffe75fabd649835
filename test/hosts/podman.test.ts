/** Containers of a rootless podman under the owner's own systemd: built in the release, switched, rolled back, pruned, booted. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootHost, type Host, SUITE } from "./host.ts";
import { untilTrue } from "./scenario.ts";

const here = path.join(import.meta.dirname, "container");
const PORT = 42400;
const APP = "/home/deploy/app";
const TREE = "/home/deploy/tree";
const UNIT = "/home/deploy/.config/systemd/user/shop-web.service";
const deploy = { user: "deploy" };

const missing = ["podman", "gcc", "slirp4netns", "newuidmap"].filter(
  (name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0,
);
const why = missing.length > 0 ? `no ${missing.join(", ")} on this machine` : undefined;

let host: Host;

/** Gives one of the suite's commands as deploy, and throws unless it ends as wanted. */
async function op(name: string, words: string[] = [], exit = 0): Promise<string> {
  const { status, stdout, stderr } = await host.run(
    [`${SUITE}/ops/${name}.ts`, "--manifest", `${APP}/deploy.yaml`, ...words],
    deploy,
  );
  if (status === exit) return stdout + stderr;
  throw new Error(`${name} ${words.join(" ")}: exit ${status}, not ${exit}\n${stdout}${stderr}`);
}

/** Commits an application that says and does so. */
const commit = (mode: string) =>
  host.sh(
    `cd ${APP}; echo ${mode} >mode; git add -A; git -c user.name=d -c user.email=d@localhost commit -qm ${mode}`,
    deploy,
  );

async function release(id: string, mode = `${id}-text`, exit = 0): Promise<string> {
  await commit(mode);
  return op("release/deploy", ["HEAD", "--id", id], exit);
}

const answer = async () => (await host.run(["curl", "-s", `http://127.0.0.1:${PORT}/`])).stdout;
const current = async () => path.basename((await host.must(["readlink", `${TREE}/current`])).trim());
const images = async () =>
  (await host.must(["podman", "images", "--format", "{{.Tag}}", "localhost/shop"], deploy)).split("\n").filter(Boolean);
const mainPid = async () =>
  (await host.must(["systemctl", "--user", "show", "-P", "MainPID", "shop-web"], deploy)).trim();
const isActive = async () => (await host.run(["systemctl", "--user", "is-active", "shop-web"], deploy)).stdout.trim();
/** Behind the answer of each release: the words of `run`, and WORD. */
const SAID = '|hello|wo rld|100% $x 8080|a $b %n "q"from a file';

const MANIFEST = `app: shop
deploy_to: ${TREE}
supervisor: podman
keep_releases: 2
linked_dirs: [data]
services:
  web:
    container:
      image: shop
      publish: 127.0.0.1:${PORT}:8080
      volumes: ["./data:/data"]
      options: ["--label=team=it's 100% \\"ours\\""]
    run: hello "wo rld" "100% \\$x \${PORT}"
    env: { WORD: 'a $b %n "q"' }
    env_file: settings
    port: ${PORT}
    health: { path: /health, every: 50ms, timeout: 3s, soak: 200ms }
    stop_timeout: 5s
    restart_sec: 300ms
`;

function build(): Buffer {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sb-podman-"));
  try {
    const words = ["-static", "-O1", "-o", path.join(folder, "server"), path.join(here, "server.c")];
    const { status, stderr } = spawnSync("gcc", words, { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    return fs.readFileSync(path.join(folder, "server"));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

describe.skipIf(why !== undefined)(`containers${why === undefined ? "" : `: ${why}`}`, () => {
  beforeAll(async () => {
    host = await bootHost("podman");
    await host.sh(`mkdir -p ${APP}/data; git -C ${APP} init -q -b main; echo data/ >${APP}/.gitignore`, deploy);
    await host.must(["sh", "-c", `base64 -d >${APP}/server && chmod 755 ${APP}/server`], {
      ...deploy,
      input: build().toString("base64"),
    });
    await host.write(`${APP}/Containerfile`, fs.readFileSync(path.join(here, "Containerfile"), "utf8"), deploy);
    await host.write(`${APP}/settings`, "FROM_FILE=from a file\n", deploy);
    await host.write(`${APP}/deploy.yaml`, MANIFEST, deploy);
    await op("release/prepare_shared");
  });
  afterAll(() => host?.down());

  test("a first deploy builds the image in the release, offline, and runs it by a unit that names no release", async () => {
    await release("r1");
    expect(await answer()).toBe(`r1-text r1${SAID}`);
    expect(await images()).toEqual(["r1"]);
    expect(await host.must(["cat", UNIT])).not.toContain("r1");
    expect(await host.must(["podman", "inspect", "-f", '{{index .Config.Labels "team"}}', "shop-web"], deploy)).toBe(
      `it's 100% "ours"\n`,
    );
    expect(await host.must(["ls", `${TREE}/shared/data`])).toBe("visited\n");
    expect(await op("service/logs")).toBe("r1 listens on 8080\n");
    expect(await op("service/status")).toContain("from r1");
    expect(await op("host/doctor")).toMatch(/✓ podman/);
  });

  test("a release that is never healthy is undone, and its failed build leaves no image", async () => {
    await release("sick", "sick", 3);
    expect([await current(), await answer()]).toEqual(["r1", `r1-text r1${SAID}`]);
    await host.sh(`cd ${APP}; echo 'COPY absent /' >>Containerfile`, deploy);
    await release("broken", "broken", 1);
    expect(await images()).not.toContain("broken");
    expect(await answer()).toBe(`r1-text r1${SAID}`);
    await host.sh(`cd ${APP}; git checkout -q HEAD~1 Containerfile`, deploy);
  });

  test("a rollback builds nothing, unless somebody removed its image: then before anything stops", async () => {
    await release("r2");
    expect(await answer()).toBe(`r2-text r2${SAID}`);
    const began = performance.now();
    const said = await op("release/rollback");
    const took = performance.now() - began;
    expect([await current(), await answer()]).toEqual(["r1", `r1-text r1${SAID}`]);
    expect(said).not.toContain("Build the image");
    console.log(`a rollback took ${Math.round(took)} ms`);
    await host.must(["podman", "rmi", "localhost/shop:r2"], deploy);
    expect(await op("release/verify", ["r2"], 1)).toContain("localhost/shop:r2");
    const plan = await op("release/switch_current", ["r2", "--dry-run"]);
    expect(plan.indexOf("podman build --tag localhost/shop:r2")).toBeGreaterThan(0);
    expect(plan.indexOf("podman build --tag localhost/shop:r2")).toBeLessThan(plan.indexOf("service/stop"));
    await op("release/switch_current", ["r2"]);
    expect(await answer()).toBe(`r2-text r2${SAID}`);
    await op("release/verify", ["r2"]);
  });

  test("a container that is killed comes back, and a container of another image is no proof of the release", async () => {
    const before = await mainPid();
    await host.sh("kill -9 $(podman inspect -f '{{.State.Pid}}' shop-web)", deploy);
    await untilTrue(host, `curl -sf http://127.0.0.1:${PORT}/ | grep -q 'r2-text r2'`);
    const then = await mainPid();
    expect(then).not.toBe(before);
    await host.sh(`kill -9 ${then}`, deploy);
    await untilTrue(host, `curl -sf http://127.0.0.1:${PORT}/ | grep -q 'r2-text r2'`);
    expect(await host.sh("pgrep -xc server", deploy)).toBe("1\n");
    await host.sh("podman tag localhost/shop:r1 localhost/shop:r2; systemctl --user restart shop-web", deploy);
    expect(await op("release/health_check", [], 1)).toContain(
      "the container of web runs the image of r1, not that of r2",
    );
    await host.sh("podman rmi localhost/shop:r2", deploy);
    await op("release/switch_current", ["r2"]);
    expect(await answer()).toBe(`r2-text r2${SAID}`);
  });

  test("a prune removes the images of the releases that go, and one that a container uses stays", async () => {
    await host.must(["podman", "create", "--name", "keeper", "localhost/shop:r1"], deploy);
    await release("r3");
    expect((await images()).toSorted()).toEqual(["r1", "r2", "r3"]);
    expect(await host.sh(`ls ${TREE}/releases`)).toBe("r2\nr3\n");
    await host.must(["podman", "rm", "keeper"], deploy);
    expect(await op("release/prune", ["--dry-run"])).toContain("podman rmi localhost/shop:r1");
    await op("release/prune");
    expect((await images()).toSorted()).toEqual(["r2", "r3"]);
  });

  test("a boot brings it up again", async () => {
    await host.reboot();
    // A container answers before podman has told systemd that it is up.
    await expect.poll(isActive, { timeout: 20_000, interval: 50 }).toBe("active");
    await untilTrue(host, `curl -sf http://127.0.0.1:${PORT}/ | grep -q 'r3-text r3'`);
    await op("release/health_check");
  });

  test("a switch that is killed behind its stop is finished or undone by the next command", async () => {
    await commit("r4-text");
    await op("release/build_release", ["HEAD", "--id", "r4"]);
    const words = [`${SUITE}/ops/release/switch_current.ts`, "--manifest", `${APP}/deploy.yaml`, "r4"];
    const switching = host.run(words, deploy);
    await untilTrue(host, `[ "$(readlink ${TREE}/current)" = releases/r4 ]`);
    await host.sh("kill -9 $(pgrep -f '[s]witch_current.ts .*r4')", deploy);
    expect((await switching).status).not.toBe(0);
    expect(await op("release/recover")).toMatch(/r3 serves again/);
    expect([await current(), await answer()]).toEqual(["r3", `r3-text r3${SAID}`]);
  });
});
