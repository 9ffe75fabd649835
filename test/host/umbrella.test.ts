import { execFileSync } from "node:child_process";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { suitePath } from "../../scripts/core/context.ts";
import { suiteCommands } from "../../scripts/suite/launchers.ts";
import { COMMANDS, commandOf, readWords, VALUED } from "../../scripts/host/umbrella.ts";

const read = (line: string) => readWords(line.split(" ").filter(Boolean), ["prod", "staging", "release"]);

describe("a word that names an environment is the environment, wherever it stands", () => {
  test.each([
    ["rollback prod v1", "rollback", ["--env", "prod", "v1"]],
    ["rollback v1 prod", "rollback", ["--env", "prod", "v1"]],
    ["prod rollback v1", "rollback", ["--env", "prod", "v1"]],
    ["rollback --dry-run prod v1", "rollback", ["--env", "prod", "--dry-run", "v1"]],
    ["rollback v1 --env prod prod", "rollback", ["v1", "--env", "prod"]],
    ["--env=prod rollback prod", "rollback", ["--env=prod"]],
    ["rollback prod prod", "rollback", ["--env", "prod"]],
    ["--manifest prod status", "status", ["--manifest", "prod"]],
    ["release v2 --id prod", "release", ["v2", "--id", "prod"]],
    ["release v2 --id=prod staging", "release", ["--env", "staging", "v2", "--id=prod"]],
    ["logs -- prod", "logs", ["--", "prod"]],
    ["rollback v1", "rollback", ["v1"]],
    ["help rollback", "rollback", ["--help"]],
    // A command is one also where an environment bears its name; behind it, that name is the environment.
    ["release release", "release", ["--env", "release"]],
    ["oops prod", "oops", ["--env", "prod"]],
  ])("%s", (line, command, args) => expect(read(line)).toEqual({ command, args }));

  test.each(["", "help", "--help", "prod"])("%j asks for the list", (line) => expect(read(line)).toEqual({ args: [] }));

  test.each(["rollback prod staging", "rollback prod --env staging", "prod rollback --env=staging"])(
    "%s: two of them are refused",
    (line) =>
      expect(() => read(line)).toThrow(
        expect.objectContaining({ exit: 2, message: expect.stringContaining("two environments") }),
      ),
  );
});

test("an unknown command is told the nearest one", () => {
  expect(() => commandOf("rolback")).toThrow(/did you mean "rollback"/);
  expect(() => commandOf("xyzzyxyzzy")).toThrow(/no command "xyzzyxyzzy"$/);
});

test("every option that takes a value is known as such, and none that does not", () => {
  const valued = new Set<string>();
  const flags = new Set<string>();
  for (const { ops } of COMMANDS) {
    const help = helpOf(path.join(suitePath, "ops", `${ops}.ts`));
    for (const [, name = "", value] of help.matchAll(/^ +(?:-\w, )?(--[a-z-]+)( <[^>]+>)?/gm))
      (value ? valued : flags).add(name);
  }
  expect([...valued].filter((name) => !VALUED.has(name))).toEqual([]);
  expect([...flags].filter((name) => VALUED.has(name))).toEqual([]);
});

function helpOf(file: string): string {
  const whole = execFileSync(file, ["--help"], { encoding: "utf8" });
  const below = [...whole.matchAll(/^ {2}([a-z]+) \[options\]/gm)].map(([, name]) => name as string);
  return [whole, ...below.map((name) => execFileSync(file, [name, "--help"], { encoding: "utf8" }))].join("\n");
}

test("every command of the suite has its word", () => {
  const words = new Set(COMMANDS.map(({ ops }) => ops));
  // `deploy` is the umbrella itself; what `deploy status` shows has the services' state in it; `attend` is called by other machines.
  const without = new Set(["deploy", "service/status", "host/attend"]);
  const missing = suiteCommands().filter(
    (name) => /^(release|service|host)\//.test(name) && !words.has(name) && !without.has(name),
  );
  expect(missing).toEqual([]);
});
