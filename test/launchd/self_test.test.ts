/**
 * What a Mac owner runs, run against the double of launchctl (bin/launchctl) by a user of its own: that shows that the proofs ask what
 * they mean to ask, and nothing about a Mac.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const command = path.resolve(import.meta.dirname, "../../ops/launchd/self_test.ts");
const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-self-")));
afterAll(() => fs.rmSync(root, { recursive: true }));

const run = (...words: string[]) => {
  const { status, stdout, stderr } = spawnSync(command, words, { encoding: "utf8", env: { PATH: "/usr/bin:/bin" } });
  return { code: status, out: stdout, err: stderr };
};

test.skipIf(process.platform === "darwin")("elsewhere it says so, and does nothing", () => {
  expect(run()).toEqual({
    code: 2,
    out: "",
    err: expect.stringMatching(/^error: this host has no launchd .*only a Mac/),
  });
});

test("its proofs can be read anywhere", () => {
  const { code, out } = run("--dry-run");
  expect(code).toBe(0);
  expect(out.split("\n").filter((line) => /^ ?\d+\. /.test(line))).toHaveLength(11);
  for (const word of ["plutil", "rollback", "env_file", "StartCalendarInterval", "KeepAlive", "error 5"])
    expect(out).toContain(word);
});

const isAble =
  process.platform === "linux" && process.getuid?.() === 0 && spawnSync("unshare", ["-m", "true"]).status === 0;

describe.skipIf(!isAble)("as root on Linux: in a mount namespace with a user of its own", () => {
  /** Runs the self-test as anna, who is user 501, with the double first in PATH. */
  function asAnna(...faults: [name: string, times: number][]) {
    const at = (...names: string[]) => path.join(root, ...names);
    fs.rmSync(at("home"), { recursive: true, force: true });
    for (const folder of ["home/tmp", "home/launchd"]) fs.mkdirSync(at(folder), { recursive: true });
    for (const [name, times] of faults) fs.writeFileSync(at("home/launchd", name), String(times));
    fs.writeFileSync(at("passwd"), `${fs.readFileSync("/etc/passwd", "utf8")}anna:x:501:501::${at("home")}:/bin/sh\n`);
    fs.chmodSync(root, 0o755);
    spawnSync("chown", ["-R", "501:501", at("home")]);
    const env = [
      `PATH=${path.join(import.meta.dirname, "bin")}:/usr/bin:/bin`,
      `HOME=${at("home")}`,
      `TMPDIR=${at("home/tmp")}`,
      `FAKE_LAUNCHD=${at("home/launchd")}`,
    ];
    const script = `mount --bind "$0" /etc/passwd && exec setpriv --reuid=501 --regid=501 --clear-groups env -i "$@"`;
    const words = ["-m", "sh", "-c", script, at("passwd"), ...env, command];
    const { status, stdout, stderr } = spawnSync("unshare", words, { encoding: "utf8", cwd: "/" });
    const jobs = fs.readdirSync(at("home/launchd")).filter((file) => file.endsWith(".json"));
    return {
      code: status,
      out: stdout,
      err: stderr,
      left: [...jobs, ...fs.readdirSync(at("home/tmp")), ...fs.readdirSync(at("home/Library/LaunchAgents"))],
    };
  }

  test("every proof holds, error 5 or not, and nothing is left", () => {
    const { code, out, err, left } = asAnna(["fail-bootstrap", 4], ["fail-bootout", 1]);
    expect({ code, err }, out).toEqual({ code: 0, err: "" });
    expect(out.match(/^ok /gm)).toHaveLength(11);
    expect(left).toEqual([]);
  });

  test("what does not hold is said, exit 1, and nothing is left", () => {
    const { code, out, left } = asAnna(["fail-bootstrap", 100_000]);
    expect(code).toBe(1);
    expect(out).toMatch(/^FAIL .*install_launchd[^]*failed: 5: Input\/output error/m);
    expect(left).toEqual([]);
  });
});
