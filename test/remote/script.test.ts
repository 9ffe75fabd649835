import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { afterMark, commandFor } from "../../scripts/remote/script.ts";

const shells = ["sh", "bash", "dash", "zsh", "fish", "tcsh"].filter(
  (shell) => spawnSync("sh", ["-c", `command -v ${shell}`]).status === 0,
);
const HOSTILE = [
  "it's",
  '"$HOME"',
  "a\nb",
  "\\n\\0101",
  "!x",
  "é😀",
  "%s",
  "`id`",
  "$(id)",
  "{a,b}",
  "~",
  "\t",
  "*?[a]",
];

test.each(shells)("lines arrive as they are through a login shell: %s", (shell) => {
  const quoted = HOSTILE.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const line = commandFor(`printf '%s|' ${quoted}; cat; echo said >&2; exit 7`, "mark-1");
  const { status, stdout, stderr } = spawnSync(shell, ["-c", `echo noise; ${line}`], {
    input: "given",
    encoding: "utf8",
  });
  expect(status).toBe(7);
  expect(stdout.startsWith("noise\n")).toBe(true);
  expect(afterMark(stdout, "mark-1")).toBe(`${HOSTILE.join("|")}|given`);
  expect(afterMark(stderr, "mark-1")).toBe("said\n");
});

test("the command is of characters that no shell acts on between its quotes", () => {
  const [, inner] = /^exec sh -c '[^']*' sh '([^']*)'$/.exec(commandFor(`a'b!c\n\\d`, "m")) ?? [];
  expect(inner).toMatch(/^[\x20-\x7e]*$/);
  expect(inner).not.toContain("!");
});

test("a script that was not begun has no answer", () => {
  expect(afterMark("noise mark\n", "other")).toBeUndefined();
});
