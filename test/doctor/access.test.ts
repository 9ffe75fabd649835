import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { obstacles, readerOf } from "../../scripts/doctor/access.ts";

let place = "";
beforeEach(() => {
  place = fs.mkdtempSync(path.join(os.tmpdir(), "access-"));
  fs.chmodSync(place, 0o755);
});
afterEach(() => fs.rmSync(place, { recursive: true }));

const isRoot = process.geteuid?.() === 0;
const has = (program: string) => spawnSync("which", [program]).status === 0;
const nobody = readerOf("nobody")!;

/** What the kernel itself says, asked as nobody. */
const can = (bits: string, file: string) =>
  bits
    .split("")
    .every(
      (bit) =>
        spawnSync("setpriv", ["--reuid=nobody", "--regid=nogroup", "--clear-groups", "test", `-${bit}`, file])
          .status === 0,
    );

test("every directory on the way, through links, as the kernel sees it", ({ skip }) => {
  skip(!isRoot || !has("setpriv"), "only root can ask as somebody else");
  const file = path.join(place, "a/b/page.html");
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, "");
  fs.mkdirSync(path.join(place, "c"));
  fs.symlinkSync("../a/b", path.join(place, "c/link"));
  const linked = path.join(place, "c/link/page.html");
  const modes = [0o755, 0o711, 0o750, 0o644];
  for (const a of modes)
    for (const c of modes)
      for (const mode of [0o644, 0o640, 0o600]) {
        fs.chmodSync(path.join(place, "a"), a);
        fs.chmodSync(path.join(place, "c"), c);
        fs.chmodSync(file, mode);
        const found = obstacles(nobody, linked, "r");
        expect(found.length === 0, `${a.toString(8)} ${c.toString(8)} ${mode.toString(8)}`).toBe(can("r", linked));
      }
});

test("the owner's bits count for the owner alone, and the group's for the group", ({ skip }) => {
  skip(!isRoot || !has("setpriv"), "only root can ask as somebody else");
  const file = path.join(place, "file");
  fs.writeFileSync(file, "");
  for (const uid of [0, nobody.uid])
    for (const gid of [0, nobody.gids[0] as number])
      for (const mode of [0o600, 0o060, 0o006, 0o066, 0o606]) {
        fs.chownSync(file, uid, gid);
        fs.chmodSync(file, mode);
        expect(obstacles(nobody, file, "rw").length === 0, `${uid}:${gid} ${mode.toString(8)}`).toBe(can("rw", file));
      }
});

test("what it says to type lets the account through", ({ skip }) => {
  skip(!isRoot || !has("setpriv"), "only root can ask as somebody else");
  const folder = path.join(place, "it's private/img");
  fs.mkdirSync(folder, { recursive: true });
  fs.chmodSync(path.dirname(folder), 0o700);
  fs.chmodSync(folder, 0o700);
  expect(can("rx", folder)).toBe(false);
  for (let round = 0; round < 3 && !can("rx", folder); round++)
    for (const { next } of obstacles(nobody, folder, "rx")) spawnSync("sh", ["-c", next]);
  expect(can("rx", folder)).toBe(true);
  expect(obstacles(nobody, folder, "rx")).toEqual([]);
});

test("what is typed takes nothing away: an entry of its own stands in place of what anybody has", ({ skip }) => {
  skip(!isRoot || !has("setpriv") || !has("setfacl"), "only root can ask as somebody else, and setfacl is needed");
  const gid = nobody.gids[0] as number;
  for (const [uid, group] of [
    [0, 0],
    [0, gid],
    [nobody.uid, 0],
  ] as const)
    for (const mode of [0o755, 0o555, 0o705, 0o750]) {
      const folder = fs.mkdtempSync(path.join(place, "img-"));
      fs.chownSync(folder, uid, group);
      fs.chmodSync(folder, mode);
      for (const { next } of obstacles(nobody, folder, "rwx")) spawnSync("sh", ["-c", next]);
      expect(can("rwx", folder), `${uid}:${group} ${mode.toString(8)}`).toBe(true);
      expect(obstacles(nobody, folder, "rwx")).toEqual([]);
    }
});

test("an entry that gives too little is told, whatever anybody has", ({ skip }) => {
  skip(!isRoot || !has("setfacl"), "no setfacl, or not root");
  const folder = path.join(place, "img");
  fs.mkdirSync(folder, { mode: 0o755 });
  spawnSync("setfacl", ["-m", "u:nobody:w", folder]);
  expect(obstacles(nobody, folder, "rwx").map(({ lacks }) => lacks)).toEqual(["rx"]);
});

test("an access control list counts, and its mask", ({ skip }) => {
  skip(!isRoot || !has("setfacl"), "no setfacl, or not root");
  const folder = path.join(place, "x");
  fs.mkdirSync(folder, { mode: 0o700 });
  spawnSync("setfacl", ["-m", "u:nobody:rx", folder]);
  expect(obstacles(nobody, folder, "rx")).toEqual([]);
  spawnSync("setfacl", ["-m", "m::---", folder]);
  expect(obstacles(nobody, folder, "rx")).toMatchObject([{ place: folder, lacks: "rx" }]);
});

test("root passes everywhere; who is in no password file is nobody", () => {
  expect(obstacles(readerOf("root")!, "/root", "rwx")).toEqual([]);
  expect(readerOf("no-such-user")).toBeUndefined();
});
