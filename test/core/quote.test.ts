import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { command, quote } from "../../scripts/core/step.ts";
import { HOSTILE, randomStrings } from "./hostile.ts";

describe.each(["dash", "bash"])("%s gives back", (shell) => {
  test.each([
    ["hostile words", HOSTILE],
    ["random words", randomStrings(2000)],
  ])("%s", (_, words) => {
    const script = words.map((word) => `printf '%s\\0' ${quote(word)}`).join("\n");
    const { stdout, stderr } = spawnSync(shell, ["-eu"], { input: script, encoding: "utf8", env: {} });
    expect(stderr).toBe("");
    expect(stdout.split("\0").slice(0, -1)).toEqual(words);
  });

  test("a command's words, one for one", () => {
    const line = command(
      process.execPath,
      "-e",
      "process.stdout.write(JSON.stringify(process.argv.slice(1)))",
      "--",
      ...HOSTILE,
    );
    const { stdout } = spawnSync(shell, ["-c", line], { encoding: "utf8", env: {} });
    expect((JSON.parse(stdout) as string[]).slice(-HOSTILE.length)).toEqual(HOSTILE);
  });

  test("a word that was quoted twice, after two rounds", () => {
    const line = `eval printf ${quote(quote("%s"))} ${quote(quote("it's $HOME\n'"))}`;
    expect(spawnSync(shell, ["-c", line], { encoding: "utf8" }).stdout).toBe("it's $HOME\n'");
  });
});

test.each(["releases/r1", "v1.0.0+build_7-x", "--no-wait", "DEPLOY_ROOT=/srv/shop", "user@host:/srv", "50%"])(
  "%s needs no quotes",
  (word) => {
    expect(quote(word)).toBe(word);
  },
);
