import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Manifest } from "../../manifest.schema.ts";
import { userName } from "../../scripts/core/account.ts";
import type { Context } from "../../scripts/core/context.ts";
import { checkManager } from "../../scripts/doctor/managers.ts";

let place = "";
let places = { system: "", users: "", linger: "" };
beforeEach(() => {
  place = fs.mkdtempSync(path.join(os.tmpdir(), "managers-"));
  places = { system: path.join(place, "system"), users: path.join(place, "user"), linger: path.join(place, "linger") };
});
afterEach(() => fs.rmSync(place, { recursive: true }));

const said = async (supervisor: Manifest["supervisor"]) => {
  const context = { manifest: { supervisor, services: { web: {} } }, paths: { deployTo: place } };
  return (await checkManager(context as unknown as Context, places)).map(({ level, message, next }) => [
    level,
    message,
    ...next,
  ]);
};

describe.skipIf(spawnSync("systemctl", ["--version"]).status !== 0)("systemd (needs systemctl)", () => {
  test("a host that does not run it", async () =>
    expect((await said("systemd"))[0]?.slice(0, 2)).toEqual(["wrong", "this host does not run systemd"]));

  test("a host that does", async () => {
    fs.mkdirSync(places.system);
    expect((await said("systemd"))[0]?.[1]).toMatch(/^systemd \d{3}$/);
  });

  test("linger, and the user's manager", async () => {
    fs.mkdirSync(places.system);
    const user = userName();
    const enable = `sudo loginctl enable-linger ${user}`;
    expect(await said("systemd-user")).toEqual([["wrong", expect.stringContaining("linger is off"), enable]]);
    fs.mkdirSync(places.linger);
    fs.writeFileSync(path.join(places.linger, user), "");
    expect(await said("systemd-user")).toEqual([
      ["wrong", expect.stringContaining(`no manager of ${user} runs`), enable, expect.stringContaining("user@")],
    ]);
    fs.mkdirSync(path.join(places.users, String(process.getuid?.()), "systemd"), { recursive: true });
    expect((await said("systemd-user"))[0]?.[0]).toBe("ok");
  });
});

test.skipIf(process.platform === "darwin")("launchd elsewhere than on macOS", async () =>
  expect((await said("launchd"))[0]?.[0]).toBe("wrong"),
);
