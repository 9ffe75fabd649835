/** What is built here is sent over a real sshd and finished there: a broken line, a host that reboots, a full disk, one changed file. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { renderWithTrailer } from "../../scripts/manifest/trailer.ts";
import { connect } from "../../scripts/remote/connection.ts";
import { setReporter } from "../../scripts/terminal/reporter.ts";
import { send, stage } from "../../scripts/upload/send.ts";
import { bootHost, type Host, SUITE } from "./host.ts";
import { sshConfig } from "./ssh-config.ts";

const TREE = "/srv/it's $HOME/shop";
const asDeploy = { user: "deploy" };
let host: Host;
let repo: string;

const git = (...words: string[]) => {
  const { status, stderr } = spawnSync("git", [
    "-C",
    repo,
    "-c",
    "user.name=a",
    "-c",
    "user.email=a@localhost",
    ...words,
  ]);
  if (status !== 0) throw new Error(String(stderr));
};
const commit = (files: Record<string, string | Buffer>) => {
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(repo, name)), { recursive: true });
    fs.writeFileSync(path.join(repo, name), text);
  }
  git("add", "-A");
  git("commit", "-qm", "x");
};
const file = () => path.join(repo, "deploy.yaml");

beforeAll(async () => {
  host = await bootHost("upload");
  repo = path.join(host.place, "app");
  for (const folder of ["app", "runtime", "state"]) fs.mkdirSync(path.join(host.place, folder), { mode: 0o700 });
  const config = path.join(host.place, "ssh_config");
  fs.writeFileSync(config, sshConfig("*", host, { LogLevel: "ERROR" }));
  Object.assign(process.env, {
    SWITCHBACK_SSH: `ssh -F ${config}`,
    XDG_RUNTIME_DIR: path.join(host.place, "runtime"),
    XDG_STATE_HOME: path.join(host.place, "state"),
  });
  setReporter({}, process.env);
  const manifest = `app: shop
deploy_to: ${JSON.stringify(TREE)}
linked_files: [.env]
build:
  web: { build_on: local, run: "mkdir dist; hostname >dist/made; chmod +x run.sh" }
  image: { run: "hostname >image; cat .env dist/made >>image" }
health: { run: test -e image, every: 10ms, soak: 20ms }
environments: { prod: { hosts: ${host.address} } }
`;
  git("init", "-q", "-b", "main");
  commit({ "deploy.yaml": manifest, "run.sh": "#!/bin/sh\n" });
  const trailer = { originPath: TREE, deployTo: TREE, environment: "prod", host: host.address };
  await host.sh(`mkdir -p ${JSON.stringify("/srv/it's \\$HOME")} && chown -R deploy: /srv/it*`);
  await host.write(`${TREE}/run/sent/1.yaml`, renderWithTrailer(manifest, trailer), asDeploy);
  await host.write(`${TREE}/shared/.env`, "A=1\n", asDeploy);
});
afterAll(() => host.down());

beforeEach(() =>
  host
    .sh(`cd "$1" && rm -rf incoming releases current`.replace('"$1"', `'${TREE.replace("'", "'\\''")}'`))
    .then(() => undefined),
);

const connection = () => {
  const loaded = loadManifest({ filePath: file(), environment: "prod", env: process.env });
  return { loaded, connected: connect(loaded, loaded.hosts[0] as (typeof loaded.hosts)[0]) };
};
async function upload(id: string): Promise<number> {
  const { loaded, connected } = connection();
  const staged = await stage(loaded, { id });
  all = staged.bytes;
  return send(await connected, staged, () => {});
}
/** Bytes of what was sent last. */
let all = 0;
const there = (command: string, ...words: string[]) =>
  host.run([`${SUITE}/ops/${command}.ts`, "--manifest", `${TREE}/run/sent/1.yaml`, ...words], asDeploy);
const read = (name: string) => host.must(["cat", `${TREE}/${name}`], asDeploy);
const many = (count: number, bytes: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`d${i % 50}/file-${i}.js`, randomBytes(bytes)]));

test("steps of both machines are in a release that serves, and all of it is the account's", async () => {
  await upload("v1");
  // A host needs no git for what was committed elsewhere.
  await host.must(["mount", "--bind", "/dev/null", "/usr/bin/git"]);
  const { status, stdout, stderr } = await there("release/deploy", "--uploaded", "v1");
  await host.must(["umount", "/usr/bin/git"]);
  expect([stderr, status]).toEqual(["", 0]);
  expect(stdout).toContain("v1 is current");
  expect(await read("current/image")).toBe(`${host.name}\nA=1\n${os.hostname()}\n`);
  expect(JSON.parse(await read("current/RELEASE.json"))).toMatchObject({
    id: "v1",
    built_by: "root",
    build_host: host.name,
  });
  expect(await host.must(["find", TREE, "-not", "-user", "deploy"])).toBe("");
  expect(await host.must(["stat", "-c", "%a", `${TREE}/current/run.sh`])).toBe("755\n");
  expect((await there("release/verify", "v1")).status).toBe(0);
});

test("of 5,000 files and 78 MB with one change, less than 400 kB travel", async () => {
  commit(many(5000, 15_600));
  const whole = performance.now();
  const first = await upload("v1");
  const second = performance.now();
  await there("release/deploy", "--uploaded", "v1");
  commit({ "d7/file-7.js": randomBytes(20_000) });
  const since = performance.now();
  const bytes = await upload("v2");
  const took = performance.now() - since;
  expect(bytes).toBeLessThan(400_000);
  const built = performance.now();
  expect((await there("release/deploy", "--uploaded", "v2")).stdout).toContain("v2 is current");
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  process.stdout.write(
    `all: ${first} bytes, ${seconds(second - whole)}; one changed file: ${bytes} bytes, ${seconds(took)}, deploy there ${seconds(performance.now() - built)}\n`,
  );
  const inode = (id: string) => host.must(["stat", "-c", "%i", `${TREE}/releases/${id}/d1/file-1.js`]);
  expect(await inode("v2")).toBe(await inode("v1"));
});

/** While an upload is under way there: how many files have arrived. */
const arriving = async () =>
  Number((await host.run(["sh", "-c", 'ls -R -- "$1" 2>/dev/null | wc -l', "-", `${TREE}/incoming`])).stdout);
const untilArriving = () => expect.poll(arriving, { timeout: 60_000, interval: 20 }).toBeGreaterThan(300);

test.each([
  ["its sshd ends every connection", () => host.sh("kill -KILL $(pgrep -u deploy -x sshd)")],
  ["it reboots, by a power cut", () => host.reboot({ hard: true })],
])("the upload goes on where it was when %s", async (_what, cut) => {
  commit(many(3000, 50_000));
  const uploading = upload("v1");
  await untilArriving();
  await cut();
  expect(await uploading).toBeLessThan(all - 3_000_000);
  expect((await there("release/deploy", "--uploaded", "v1")).stdout).toContain("v1 is current");
  expect((await there("release/verify", "v1")).status).toBe(0);
});

test("a disk that is full there: told with the host and the room, and what had arrived is gone", async () => {
  commit(many(100, 500_000));
  const folder = `${TREE}/incoming`;
  await host.must(["mkdir", folder], asDeploy);
  await host.must(["mount", "-t", "tmpfs", "-o", "size=20m,uid=1500", "tmpfs", folder]);
  try {
    const failed = upload("v1");
    await expect(failed).rejects.toMatchObject({ host: host.address, exit: 1 });
    await expect(failed).rejects.toThrow(
      new RegExp(`no room on ${host.address} for v1: .* files; now that what had arrived is removed`),
    );
    expect(await host.must(["ls", "-A", folder])).toBe("");
  } finally {
    await host.must(["umount", folder]);
  }
});

test("a host without rsync is told of, with what to type", async () => {
  const { loaded, connected } = connection();
  const staged = await stage(loaded, { id: "v9" });
  await host.must(["mount", "--bind", "/dev/null", "/usr/bin/rsync"]);
  try {
    const failed = send(await connected, staged, () => {});
    await expect(failed).rejects.toThrow(`${host.address} has no rsync`);
    await expect(failed).rejects.toMatchObject({ next: [expect.stringContaining("apt-get install rsync")] });
  } finally {
    await host.must(["umount", "/usr/bin/rsync"]);
  }
});
