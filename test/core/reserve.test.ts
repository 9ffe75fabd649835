import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { quote } from "../../scripts/core/step.ts";
import { keepReserve, spendReserve } from "../../scripts/core/reserve.ts";
import { bun, makePlace, makeTree } from "./places.ts";

test("a megabyte in eight files that no file system can compress, made once", () => {
  const paths = makeTree();
  fs.mkdirSync(paths.logs);
  keepReserve(paths);
  const place = path.join(paths.logs, ".reserve");
  const files = fs.readdirSync(place).map((name) => fs.readFileSync(path.join(place, name)));
  expect(files.map(({ length }) => length)).toEqual(Array.from({ length: 8 }, () => 131_072));
  for (const file of files) expect(new Set(file).size).toBe(256);
  const { ino } = fs.statSync(place);
  keepReserve(paths);
  expect(fs.statSync(place).ino).toBe(ino);
});

test("where there is room it is left, and where there are no logs yet it is not made", () => {
  const paths = makeTree();
  keepReserve(paths);
  expect(fs.readdirSync(paths.deployTo)).toEqual([]);
  fs.mkdirSync(paths.logs);
  keepReserve(paths);
  spendReserve(paths);
  expect(fs.existsSync(path.join(paths.logs, ".reserve"))).toBe(true);
});

/** Runs lines where mounts are their own. */
const inNamespace = (lines: string) =>
  spawnSync("sh", ["-c", `exec unshare --map-root-user --mount sh -c ${quote(lines)}`], { encoding: "utf8" });
const canMount = inNamespace("mount -t tmpfs -o size=1m none /mnt").status === 0;

// A file system of 16 MiB of its own, in a mount namespace of its own.
test.skipIf(!canMount)(
  "on a full disk it is given back, is enough for records, and what is left of it is kept again",
  () => {
    const place = makePlace();
    const lines = `mount -t tmpfs -o size=16m none ${quote(place)} && exec ${quote(bun)} ${quote(fileURLToPath(import.meta.resolve("./spend-reserve.ts")))} ${quote(place)}`;
    const { stdout, stderr } = inNamespace(lines);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout), "files kept, kept while there is room, given back, kept again").toEqual([8, 8, 0, 4]);
  },
);
