import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { suitePath } from "../../scripts/core/context.ts";
import { renderSudoers } from "../../scripts/doctor/sudoers.ts";

let place = "";
beforeEach(() => void (place = fs.mkdtempSync(path.join(os.tmpdir(), "sudoers-"))));
afterEach(() => fs.rmSync(place, { recursive: true }));

const ODD = ["a,b", "c:d=e", "#f", "g*?[h]!", "i\\j", "^k$", "web@main.service", "--", "%n", "it's", "ü"];
const COMMANDS = [
  ["/usr/bin/systemctl", "restart", "--", "shop-web@main.service"],
  ["/usr/bin/true"],
  ...ODD.map((word) => ["/usr/bin/echo", "x", word]),
];

test("each line names one command, and only that", () => {
  expect(renderSudoers("deploy", COMMANDS.slice(0, 2))).toBe(
    'deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart -- shop-web@main.service\ndeploy ALL=(root) NOPASSWD: /usr/bin/true ""\n',
  );
  expect(renderSudoers("1234", [["/bin/a"], ["/bin/a"]])).toBe('#1234 ALL=(root) NOPASSWD: /bin/a ""\n');
});

test.each([["systemctl"], ["/bin/echo", "a\nb ALL=(ALL) ALL"], ["/bin/echo", ""], ["/bin/echo", '"']])(
  "%j is refused: sudoers could not say it",
  (...words) => expect(() => renderSudoers("deploy", [words])).toThrow(/sudoers/),
);

const isPossible =
  process.geteuid?.() === 0 &&
  ["visudo", "sudo", "unshare", "setpriv"].every((name) => spawnSync("which", [name]).status === 0) &&
  spawnSync("unshare", ["-m", "true"]).status === 0;

/** Runs shell where /etc/sudoers.d holds these lines alone, and only for it. */
function underSudoers(text: string, shell: string) {
  const file = path.join(place, "lines");
  fs.writeFileSync(file, text, { mode: 0o440 });
  expect(spawnSync("visudo", ["-cf", file], { encoding: "utf8" }).stdout).toContain("parsed OK");
  const mount = `mount -t tmpfs -o mode=755 tmpfs /etc/sudoers.d && install -m 440 ${file} /etc/sudoers.d/switchback`;
  return spawnSync("unshare", ["-m", "--propagation", "private", "sh", "-c", `${mount}\n${shell}`, "sh"], {
    encoding: "utf8",
  });
}

const AS_NOBODY = "setpriv --reuid=nobody --regid=nogroup --clear-groups";
const quoted = (words: string[]) => words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");

describe.skipIf(!isPossible)("sudo itself (needs root, sudo and unshare)", () => {
  test("allows each command, and no other argument", () => {
    const asked = [...COMMANDS, ["/usr/bin/echo", "x", "ij"], ["/usr/bin/echo", "x", "gzz1h!"], ["/usr/bin/true", "y"]];
    const shell = asked
      .map((words) => `${AS_NOBODY} sudo -n -l -- ${quoted(words)} >/dev/null 2>&1; echo $?`)
      .join("\n");
    const { stdout } = underSudoers(renderSudoers("nobody", COMMANDS), shell);
    expect(stdout.trim().split("\n")).toEqual([...COMMANDS.map(() => "0"), "1", "1", "1"]);
  });

  test("doctor names those that are not allowed yet, and their lines alone", () => {
    const script = path.join(place, "ask.ts");
    fs.chmodSync(place, 0o755);
    fs.writeFileSync(
      script,
      `import { checkSudo } from ${JSON.stringify(path.join(suitePath, "scripts/doctor/sudoers.ts"))};
       const source = async () => [["systemctl", "restart", "a.service"], ["systemctl", "daemon-reload"]];
       console.log(JSON.stringify(await checkSudo({ manifest: { app: "shop" } } as never, [source])));`,
    );
    const asked = `${AS_NOBODY} ${path.join(suitePath, "ops/_bun")} ${script}`;
    const lines = renderSudoers("nobody", [["/usr/bin/systemctl", "daemon-reload"]]);
    const [finding] = JSON.parse(underSudoers(lines, asked).stdout) as {
      level: string;
      message: string;
      next: string[];
    }[];
    expect(finding).toEqual({
      check: "sudo",
      level: "wrong",
      message:
        "nobody may not give 1 of 2 commands that need root; these lines allow them:\nnobody ALL=(root) NOPASSWD: /usr/bin/systemctl restart a.service",
      next: ["sudo visudo -f /etc/sudoers.d/switchback-shop"],
    });
    const all = renderSudoers("nobody", [
      ["/usr/bin/systemctl", "daemon-reload"],
      ["/usr/bin/systemctl", "restart", "a.service"],
    ]);
    expect(JSON.parse(underSudoers(all, asked).stdout)).toMatchObject([{ level: "ok" }]);
  });
});
