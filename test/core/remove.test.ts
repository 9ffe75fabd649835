import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RemoveStep } from "../../scripts/core/step.ts";
import type { ShowContext } from "../../scripts/core/steps/kind.ts";
import { remove } from "../../scripts/core/steps/remove.ts";

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

let place: string;
beforeEach(() => void (place = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-remove-"))));
afterEach(() => fs.rmSync(place, { recursive: true, force: true }));

test("what --dry-run prints opens read-only directories, and leaves a file as it is that another release has, too", () => {
  const [stays, goes] = [path.join(place, "stays"), path.join(place, "it's going", "locked")];
  fs.writeFileSync(stays, "shared", { mode: 0o444 });
  fs.mkdirSync(goes, { recursive: true });
  fs.linkSync(stays, path.join(goes, "file"));
  fs.chmodSync(goes, 0o555);
  if (isRoot) for (const one of [place, stays, path.dirname(goes), goes]) fs.chownSync(one, NOBODY, NOBODY);
  const step: RemoveStep = { kind: "remove", title: "Remove it", path: path.dirname(goes) };
  // What root removes, no mode can stop.
  const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const { status, stderr } = spawnSync("sh", ["-euc", remove.show(step, {} as ShowContext)], {
    encoding: "utf8",
    cwd: "/",
    ...user,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(fs.readdirSync(place)).toEqual(["stays"]);
  expect(fs.statSync(stays).mode & 0o777).toBe(0o444);
});
