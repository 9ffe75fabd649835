/** Secrets in a `shared/`: written whole, with their mode, under the lock; compared without being shown. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { treePaths } from "../../scripts/core/paths.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { lookAt, type Placed, writeUnderLock } from "../../scripts/secrets/apply.ts";
import { hmacOf, readMessage } from "../../scripts/secrets/message.ts";
import { createMissing } from "../../scripts/secrets/missing.ts";
import { Secret } from "../../scripts/secrets/secret.ts";
import { shelfHere } from "../../scripts/secrets/shelf.ts";
import { vaultOf } from "../../scripts/secrets/vault.ts";
import { makePlace } from "../core/places.ts";

const umask = process.umask();
afterEach(() => void process.umask(umask));

const placed = (shared: string, text: string, mode = 0o600): Placed => ({
  shared,
  mode,
  secret: new Secret(Buffer.from(text)),
});
const states = (found: { state: string }[]) => found.map(({ state }) => state);

test("created, unchanged, changed: each with its mode, whatever the umask", () => {
  const paths = treePaths(makePlace());
  const files = [placed(".env", "a"), placed("config/key", "b", 0o640)];
  process.umask(0o077);
  expect(states(writeUnderLock(paths, files))).toEqual(["created", "created"]);
  const modes = files.map(({ shared }) => fs.statSync(path.join(paths.shared, shared)).mode & 0o777);
  expect(modes).toEqual([0o600, 0o640]);
  const { ino } = fs.statSync(path.join(paths.shared, ".env"));
  expect(states(writeUnderLock(paths, files))).toEqual(["unchanged", "unchanged"]);
  expect(fs.statSync(path.join(paths.shared, ".env")).ino).toBe(ino);
  expect(states(writeUnderLock(paths, [placed(".env", "c")]))).toEqual(["changed"]);
  expect(fs.readdirSync(paths.shared).toSorted()).toEqual([".env", "config"]);
});

test("a file that others may read is one that changed", () => {
  const paths = treePaths(makePlace());
  writeUnderLock(paths, [placed(".env", "a")]);
  fs.chmodSync(path.join(paths.shared, ".env"), 0o644);
  expect(states(writeUnderLock(paths, [placed(".env", "a")]))).toEqual(["changed"]);
  expect(fs.statSync(path.join(paths.shared, ".env")).mode & 0o777).toBe(0o600);
});

test("a link to a checkout gives way to a file; what it led to stays as it was", () => {
  const [paths, checkout] = [treePaths(makePlace()), makePlace()];
  fs.writeFileSync(path.join(checkout, ".env"), "old");
  fs.mkdirSync(paths.shared);
  fs.symlinkSync(path.join(checkout, ".env"), path.join(paths.shared, ".env"));
  expect(states(writeUnderLock(paths, [placed(".env", "old")]))).toEqual(["unchanged"]);
  expect(states(writeUnderLock(paths, [placed(".env", "new")]))).toEqual(["changed"]);
  expect(fs.readFileSync(path.join(checkout, ".env"), "utf8")).toBe("old");
  expect(fs.lstatSync(path.join(paths.shared, ".env")).isFile()).toBe(true);
});

test("a place outside of shared/, or one that is no file, is refused before anything is written", () => {
  const paths = treePaths(makePlace());
  fs.mkdirSync(path.join(paths.shared, "dir"), { recursive: true });
  for (const name of ["../x", "..", "dir"])
    expect(() => writeUnderLock(paths, [placed("first", "a"), placed(name, "b")])).toThrow(/no name in|is no file/);
  expect(fs.readdirSync(paths.shared)).toEqual(["dir"]);
});

test("what a kill left of a write goes with the next one", () => {
  const paths = treePaths(makePlace());
  fs.mkdirSync(paths.shared);
  fs.writeFileSync(path.join(paths.shared, ".env.new-123"), "old canary");
  fs.writeFileSync(path.join(paths.shared, ".env.new-notes"), "mine");
  writeUnderLock(paths, [placed(".env", "a")]);
  expect(fs.readdirSync(paths.shared).toSorted()).toEqual([".env", ".env.new-notes"]);
});

test("nothing is written while another operation is at work", async () => {
  const paths = treePaths(makePlace());
  const holder = spawn(process.execPath, [path.join(import.meta.dirname, "../core/hold-lock.ts"), paths.lock], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(holder.stdout, "data");
    expect(() => writeUnderLock(paths, [placed(".env", "a")])).toThrow("another operation is at work");
    expect(fs.existsSync(path.join(paths.shared, ".env"))).toBe(false);
  } finally {
    holder.kill("SIGKILL");
  }
});

test("the record of it names files and no contents", () => {
  const paths = treePaths(makePlace());
  writeUnderLock(paths, [placed(".env", "canary")]);
  const texts = fs.readdirSync(paths.deployTo, { withFileTypes: true }).filter((entry) => entry.isFile());
  const all = texts.map(({ name }) => fs.readFileSync(path.join(paths.deployTo, name)).toString("latin1")).join("");
  expect(all).toContain(".env created");
  expect(all).not.toContain("canary");
});

test("files are compared by a hash that another salt makes another one", () => {
  const paths = treePaths(makePlace());
  writeUnderLock(paths, [placed(".env", "a")]);
  const look = (text: string, salt: string, mode = 0o600) =>
    lookAt(paths, { salt, files: [{ shared: ".env", mode, hmac: hmacOf(Buffer.from(text), salt) }] });
  expect([look("a", "AA=="), look("b", "AA=="), look("a", "AA==", 0o640)].map(states)).toEqual([
    ["unchanged"],
    ["changed"],
    ["changed"],
  ]);
  expect(hmacOf(Buffer.from("a"), "AA==")).not.toBe(hmacOf(Buffer.from("a"), "AQ=="));
  const bare = ["none", ".env"].map((shared) => ({ shared, mode: 0o600 }));
  expect(states(lookAt(paths, { salt: "", files: bare }))).toEqual(["missing", "there"]);
});

test.each(["canary", '{"verb":"write","files":"canary"', '{"verb":"canary"}', ""])(
  "a message that is none: %j",
  (text) => {
    let said = "";
    try {
      readMessage(text);
    } catch (error) {
      said = `${(error as Error).stack} ${String((error as Error).cause)}`;
    }
    expect(said).toContain("no list of secrets");
    expect(said).not.toContain("canary");
  },
);

test("only what is missing is created; what differs stays and is told; what is not to be had here is left alone", async () => {
  const place = makePlace();
  const filePath = path.join(place, "deploy.yaml");
  const entries = ["new", "same", "differs", "theirs"].map(
    (name) => `  - { path: ${name}, value_from: { env: ${name} } }\n`,
  );
  fs.writeFileSync(filePath, `app: shop\ndeploy_to: ${place}/tree\nlinked_files:\n${entries.join("")}`);
  const loaded = loadManifest({ filePath, env: {} });
  const paths = treePaths(loaded.manifest.deploy_to);
  writeUnderLock(paths, [placed("same", "s\n"), placed("differs", "old\n"), placed("theirs", "t\n")]);
  const warnings: string[] = [];
  const vault = vaultOf(loaded, { new: "n", same: "s", differs: "d" });
  expect(await createMissing(shelfHere(paths), vault, (line) => warnings.push(line))).toEqual([
    { shared: "new", state: "created" },
  ]);
  expect(warnings).toEqual(["shared/differs is not what value_from gives now; it stays"]);
  expect(fs.readFileSync(path.join(paths.shared, "differs"), "utf8")).toBe("old\n");
  fs.rmSync(path.join(paths.shared, "theirs"));
  await expect(createMissing(shelfHere(paths), vault)).rejects.toThrow("theirs: $theirs is not set");
});
