/** What is exported to Ansible deploys to two hosts, changes nothing when it is run again, stops at a release that fails, and rolls back. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootHost, collect, type Host } from "./host.ts";
import { sshConfig } from "./ssh-config.ts";

const ops = path.resolve(import.meta.dirname, "../../ops");
const CANARY = "c4n4ry-ansible";
const TREE = "/home/deploy/shop";
const SERVER =
  "const { RELEASE_ID, PORT } = process.env;\n" +
  'require("node:http").createServer((_, answer) => answer.writeHead(STATUS).end(RELEASE_ID)).listen(Number(PORT));\n';

let hosts: Host[] = [];
let desk = "";

beforeAll(async () => {
  desk = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-ansible-"));
  hosts = await Promise.all(["ansible-a", "ansible-b"].map((stem) => bootHost(stem)));
  const blocks = hosts.map((host) => sshConfig(host.address, host, { LogLevel: "ERROR" }));
  fs.writeFileSync(path.join(desk, "ssh.conf"), blocks.join(""));
  fs.mkdirSync(path.join(desk, "app"));
  await git("init", "-q", "-b", "main");
  await commit("200");
  fs.writeFileSync(
    path.join(desk, "app/deploy.yaml"),
    `app: shop
deploy_to: ~/shop
linked_files: [{ path: .env, value_from: { run: "printf %s '{\\"KEY\\": \\"${CANARY}\\"}'" } }]
linked_dirs: [data]
services:
  web: { run: "${TREE}/ops/_bun server.js", port: 3000, health: { path: /, every: 50ms, timeout: 3s, soak: 100ms } }
supervisor: systemd-user
environments: { prod: { hosts: [${hosts.map(({ address }) => address).join(", ")}], user: deploy } }
`,
  );
});
afterAll(async () => {
  await Promise.all(hosts.map((host) => host.down()));
  fs.rmSync(desk, { recursive: true, force: true });
});

const environment = () => ({
  PATH: process.env["PATH"] ?? "/usr/bin:/bin",
  HOME: desk,
  USER: "carol",
  LANG: "C.UTF-8",
  ANSIBLE_SSH_ARGS: `-F ${desk}/ssh.conf -o ControlMaster=auto -o ControlPersist=60s -o ControlPath=${desk}/%C`,
  ANSIBLE_NOCOLOR: "1",
  ANSIBLE_CALLBACKS_ENABLED: "profile_tasks",
  GIT_AUTHOR_NAME: "carol",
  GIT_AUTHOR_EMAIL: "carol@localhost",
  GIT_COMMITTER_NAME: "carol",
  GIT_COMMITTER_EMAIL: "carol@localhost",
});

/** In the folder, with nothing of this machine's own settings. */
async function here(folder: string, ...words: string[]) {
  const settings = Object.entries(environment()).map(([name, value]) => `${name}=${value}`);
  const ran = await collect(["env", "-i", `--chdir=${path.join(desk, folder)}`, ...settings, ...words], {
    timeout: 110_000,
  });
  return { ...ran, all: ran.stdout + ran.stderr };
}
const git = (...words: string[]) => here("app", "git", ...words);
const play = (name: string, ...words: string[]) => here("out", "ansible-playbook", `${name}.yml`, ...words);

async function commit(status: string): Promise<string> {
  fs.writeFileSync(path.join(desk, "app/server.js"), SERVER.replace("STATUS", status) + `// ${Math.random()}\n`);
  await git("add", "server.js");
  await git("commit", "-q", "-m", status);
  return (await git("rev-parse", "HEAD")).stdout.trim();
}

/** What visitors of each host see. */
const served = () => Promise.all(hosts.map(async ({ address }) => (await fetch(`http://${address}:3000/`)).text()));

/** The numbers of the recap, summed over all hosts: `changed`, `failed`. */
const recap = (text: string, word: string) =>
  [...text.matchAll(new RegExp(`${word}=(\\d+)`, "g"))].reduce((sum, [, count]) => sum + Number(count), 0);

test("is exported, and passes Ansible's own checks", async () => {
  const made = await here("app", `${ops}/host/export_ansible.ts`, "--env", "prod", "--out", "../out");
  expect(made).toMatchObject({ status: 0, stderr: "" });
  // Its first rule is what --syntax-check looks at.
  const lint = await here("out", "ansible-lint", "--offline", "--nocolor");
  expect(lint.all).toContain("Passed with production profile");
});

test("deploys to both hosts, and a second run changes nothing", async () => {
  const [first] = [(await git("rev-parse", "HEAD")).stdout.trim()];
  const run = await play("deploy");
  expect(run.status, run.all).toBe(0);
  expect(await served()).toEqual([first, first]);
  const again = await play("deploy");
  expect([again.status, recap(again.stdout, "changed"), recap(again.stdout, "failed")], again.all).toEqual([0, 0, 0]);
  expect(run.all + again.all).not.toContain(CANARY);
  const [one] = hosts;
  expect(await one?.must(["stat", "-c", "%a %U", `${TREE}/shared/.env`])).toBe("600 deploy\n");
  expect(await one?.must(["cat", `${TREE}/shared/.env`])).toBe(`{"KEY": "${CANARY}"}\n`);
});

test("check mode tells, and changes nothing", async () => {
  const before = await served();
  const sha = await commit("200");
  const run = await play("deploy", "--check");
  expect(run.status, run.all).toBe(0);
  expect(await served()).toEqual(before);
  expect(await hosts[0]?.must(["ls", `${TREE}/releases`])).not.toContain(sha);
});

test("a release that fails its gate stops at the first host, which has what it had", async () => {
  const before = await served();
  await commit("503");
  const run = await play("deploy");
  expect(run.status).toBe(2);
  expect(await served()).toEqual(before);
  expect(await hosts[1]?.must(["readlink", `${TREE}/current`])).toBe(`releases/${before[1]}\n`);
  // Prepared everywhere, switched nowhere: the second host was never asked to.
  expect(await hosts[1]?.must(["bash", "-c", `ls ${TREE}/logs | grep -c switch || true`])).toBe("1\n");
});

test("rolls back on both hosts, to the id or to the one before", async () => {
  const [first] = await served();
  const second = await commit("200");
  expect((await play("deploy")).status).toBe(0);
  expect(await served()).toEqual([second, second]);
  const back = await play("rollback", "-e", `switchback_release_id=${first}`);
  expect(back.status, back.all).toBe(0);
  expect(await served()).toEqual([first, first]);
  const again = await play("rollback", "-e", `switchback_release_id=${first}`);
  expect([again.status, recap(again.stdout, "changed")], again.all).toEqual([0, 0]);
});
