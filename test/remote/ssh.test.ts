import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hostsOf } from "../../scripts/manifest/hosts.ts";
import type { Host } from "../../scripts/manifest/loaded.ts";
import { isKeyChecked, rshOf, runThere, sshWords, typedSsh } from "../../scripts/remote/ssh.ts";
import { isRefusal, noAnswer, unreachable } from "../../scripts/remote/unreachable.ts";

let folder: string;
const hostOf = (name: string, port?: number) => hostsOf({ hosts: [name], port })[0] as Host;
const optionOf = (words: string[], name: string) =>
  words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "ssh-"));
  fs.writeFileSync(path.join(folder, "config"), "Host own\n  ControlPath /x/own\n  ConnectTimeout 3\n");
  process.env["SWITCHBACK_SSH"] = `ssh -F '${folder}/config'`;
  process.env["XDG_RUNTIME_DIR"] = folder;
});
afterEach(() => {
  delete process.env["SWITCHBACK_SSH"];
  delete process.env["XDG_RUNTIME_DIR"];
  fs.rmSync(folder, { recursive: true });
});

test("it asks nothing, and nothing makes it take a key that is not known", () => {
  const words = sshWords(hostOf("deploy@[fd00::1]", 2222));
  expect(words).toEqual(
    expect.arrayContaining(["-p", "2222", "BatchMode=yes", "ServerAliveInterval=5", "ConnectTimeout=10"]),
  );
  expect(words.join(" ")).not.toContain("StrictHostKeyChecking");
  expect(words.at(-1)).toBe("deploy@fd00::1");
  expect(typedSsh(hostOf("deploy@[fd00::1]", 2222))).toBe(`ssh -F ${folder}/config -p 2222 deploy@fd00::1`);
});

test("what a person's own configuration forwards to the host is not forwarded", () => {
  fs.appendFileSync(
    path.join(folder, "config"),
    "Host *\n  ForwardAgent yes\n  ForwardX11 yes\n  LocalForward 9 localhost:9\n  RemoteCommand x\n  RequestTTY force\n",
  );
  const words = sshWords(hostOf("web1"));
  const { stdout } = spawnSync(words[0] as string, ["-G", ...words.slice(1)], { encoding: "utf8" });
  const settings = stdout.split("\n");
  expect(settings).toEqual(
    expect.arrayContaining(["forwardagent no", "forwardx11 no", "clearallforwardings yes", "requesttty false"]),
  );
  expect(settings.filter((line) => line.startsWith("remotecommand"))).toEqual([]);
});

test.each([
  ["no", false],
  ["off", false],
  ["ask", true],
  ["accept-new", true],
  ["yes", true],
])("StrictHostKeyChecking %s of the user's own: keys are checked: %s", (value, isChecked) => {
  fs.appendFileSync(path.join(folder, "config"), `Host web1\n  StrictHostKeyChecking ${value}\n`);
  expect([isKeyChecked(hostOf("web1")), isKeyChecked(hostOf("web2"))]).toEqual([isChecked, true]);
});

test("calls to one host share a connection, in a folder of one's own; another configuration is another connection", () => {
  const socket = optionOf(sshWords(hostOf("web1")), "ControlPath") as string;
  expect(path.dirname(socket)).toBe(path.join(folder, "switchback"));
  expect(fs.statSync(path.dirname(socket)).mode & 0o777).toBe(0o700);
  expect(optionOf(sshWords(hostOf("web2")), "ControlPath")).not.toBe(socket);
  process.env["SWITCHBACK_SSH"] = `ssh -F '${folder}/config' -o UserKnownHostsFile=/dev/null`;
  expect(optionOf(sshWords(hostOf("web1")), "ControlPath")).not.toBe(socket);
});

test("a folder that others may enter is not used, nor a path that is too long for a socket", () => {
  fs.mkdirSync(path.join(folder, "switchback"), { mode: 0o755 });
  fs.chmodSync(path.join(folder, "switchback"), 0o755);
  expect(optionOf(sshWords(hostOf("web3")), "ControlPath")).not.toContain(folder);
  const long = path.join(folder, "x".repeat(80));
  fs.mkdirSync(long);
  process.env["XDG_RUNTIME_DIR"] = long;
  expect(optionOf(sshWords(hostOf("web4")), "ControlPath")).toBeUndefined();
});

test.each(["a b", "100%h", "${HOME}", 'q"'])("a folder whose name ssh would take apart is not used: %j", (name) => {
  const runtime = path.join(folder, name);
  fs.mkdirSync(runtime);
  process.env["XDG_RUNTIME_DIR"] = runtime;
  const words = sshWords(hostOf(`web-${Buffer.from(name).toString("hex")}`));
  expect(optionOf(words, "ControlPath")).toBeUndefined();
  expect(spawnSync(words[0] as string, ["-G", ...words.slice(1)], { encoding: "utf8" }).stderr).toBe("");
});

test("what the user's own configuration says of either stays", () => {
  const words = sshWords(hostOf("own"));
  expect([optionOf(words, "ControlPath"), optionOf(words, "ConnectTimeout")]).toEqual([undefined, undefined]);
});

test("rsync takes the string apart into the same words", () => {
  process.env["SWITCHBACK_SSH"] = `ssh -F '${folder}/config' -o 'User my "x"'`;
  const show = path.join(folder, "show");
  fs.writeFileSync(show, `#!/bin/sh\nprintf '%s\\n' "$@" >${folder}/seen\n`, { mode: 0o755 });
  const host = hostOf("web5", 99);
  spawnSync("rsync", ["-e", rshOf(host).replace(/^ssh/, show), "nothing", `${host.destination}:x`]);
  const seen = fs.readFileSync(path.join(folder, "seen"), "utf8").split("\n");
  const own = sshWords(host).slice(1, -1);
  expect(seen.slice(0, own.length)).toEqual(own);
});

test("a script that takes too long has no status", async () => {
  const program = path.join(folder, "slow");
  fs.writeFileSync(program, `#!/bin/sh\n[ "$1" = -G ] || exec sleep 20\n`, { mode: 0o755 });
  process.env["SWITCHBACK_SSH"] = program;
  const answer = await runThere(hostOf("web6"), "true", { timeoutMs: 200 });
  expect(answer).toEqual({ status: null, stdout: "", stderr: "", isBegun: false });
});

test.each([
  ["Host key verification failed.\r\n", "has a host key that is not known here", true],
  [
    "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
    "another host key than",
    true,
  ],
  ["deploy@web1: Permission denied (publickey).", "does not let this key in", true],
  ["ssh: Could not resolve hostname web1: Name or service not known", "has no address", false],
  ["ssh: connect to host web1 port 22: Connection timed out", "does not answer", false],
  ["what nobody knows", "could not be reached", false],
])("what ssh says is put into words: %j", (said, words, isFinal) => {
  const error = unreachable(hostOf("web1"), said);
  expect(error.message).toContain(words);
  expect([error.exit, error.host, error.next]).toEqual([1, "web1", [`ssh -F ${folder}/config web1`]]);
  expect(error.output.length).toBeGreaterThan(0);
  expect(isRefusal(said)).toBe(isFinal);
});

test("a login that gives no shell, and one that takes for ever, are told", () => {
  const told = (status: number | null) => noAnswer(hostOf("web1"), status, "This account is not available.\n").message;
  expect([told(1), told(null)]).toEqual([
    "web1 gave no shell: its login ended with exit code 1",
    "web1 did not answer in time",
  ]);
});
