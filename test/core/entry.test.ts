import { spawnSync } from "node:child_process";
import path from "node:path";
import { expect, test } from "vitest";

const ops = path.resolve(import.meta.dirname, "../../ops");

test.each([
  ["release/list", "--bogus"],
  ["data/restore", "one", "two"],
  ["release/pin", "--dry-run"],
])("words that a command does not know are one JSON value, too: %s %s", (name, ...words) => {
  const { status, stdout, stderr } = spawnSync(path.join(ops, "_bun"), [
    path.join(ops, `${name}.ts`),
    ...words,
    "--json",
  ]);
  expect(status).toBe(2);
  const { error, exit } = JSON.parse(stdout.toString()) as { error: string; exit: number };
  expect(exit).toBe(2);
  expect(stderr.toString()).toContain(`error: ${error}`);
});
