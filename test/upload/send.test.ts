/** A real rsync over a fake line: the "host" is a folder of this machine. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BusyError, FailedError, InterruptedError, UsageError } from "../../scripts/core/errors.ts";
import { connect } from "../../scripts/remote/connection.ts";
import { type Sent, send, stage } from "../../scripts/upload/send.ts";
import { makePlace } from "./place.ts";

let place: ReturnType<typeof makePlace>;
beforeEach(() => void (place = makePlace()));
afterEach(() => place.clear());

const deploy = async (id: string, currentId?: string, choice = {}) => {
  const staged = await stage(place.loaded(), { id, ...choice });
  const seen: Sent[] = [];
  const bytes = await send(place.connection(currentId), staged, (sent) => void seen.push(sent));
  return { staged, seen, bytes };
};
const build = (id: string) => {
  const { status, said } = place.there("release/build_release", "--uploaded", id);
  expect([said, status]).toEqual([expect.anything(), 0]);
};
const arrived = (id: string) => (fs.readdirSync(place.at("incoming", id), { recursive: true }) as string[]).toSorted();

/** rsync's processes that work in a folder. */
const writersIn = (folder: string) =>
  fs.readdirSync("/proc").flatMap((pid) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/cwd`) === folder ? [Number(pid)] : [];
    } catch {
      return [];
    }
  });

test("what arrives is what was staged, with modes, links and times, and without what a host has for itself", async () => {
  place.describe(
    "linked_files: [.env, 'odd [x]*?\\y']\nlinked_dirs: [data]\nbuild_on: local\nbuild: { web: { run: 'mkdir -p data dist; echo >data/x; echo >dist/x; chmod 600 dist/x; ln -s ../a dist/link' } }",
  );
  place.put({ ".env": "A=1", "odd [x]*?\\y": "secret", a: "1", "odd x": "1", "run.sh": "" });
  fs.chmodSync(path.join(place.repo, "run.sh"), 0o755);
  place.commit();
  const { staged } = await deploy("v1");
  expect(arrived("v1")).toEqual(["a", "deploy.yaml", "dist", "dist/link", "dist/x", "odd x", "run.sh"]);
  const stat = (name: string) =>
    [staged.directory, place.at("incoming/v1")].map((at) => fs.lstatSync(path.join(at, name)));
  for (const name of ["a", "run.sh", "dist/x"]) {
    const [here, there] = stat(name);
    expect([name, there?.mode, there?.mtimeMs]).toEqual([name, here?.mode, here?.mtimeMs]);
  }
  expect(fs.readlinkSync(place.at("incoming/v1/dist/link"))).toBe("../a");
  const { directory: _, without: __, ...record } = staged;
  expect(JSON.parse(place.text("incoming/v1.json"))).toEqual(record);
  expect(fs.statSync(place.at("incoming/v1.json")).mode & 0o777).toBe(0o600);
});

test.skipIf(process.geteuid?.() !== 0 || process.platform !== "linux")(
  "where ssh logs in as root, all of it is the tree's owner's, and no link of theirs leads root elsewhere (needs root)",
  async () => {
    const owner = Number(spawnSync("id", ["-u", "nobody"], { encoding: "utf8" }).stdout);
    fs.chmodSync(place.root, 0o755);
    const elsewhere = path.join(place.root, "elsewhere");
    fs.mkdirSync(path.join(elsewhere, "v2"), { recursive: true });
    fs.symlinkSync(elsewhere, place.at("incoming"));
    fs.chownSync(place.tree, owner, owner);
    place.commit({ a: "1" });
    const [host] = place.loaded().hosts;
    const connection = await connect(place.loaded(), host as NonNullable<typeof host>);
    expect(connection).toMatchObject({ owner: "nobody", deployTo: place.tree });
    const staged = await stage(place.loaded(), { id: "v1" });
    await expect(send(connection, staged, () => {})).rejects.toThrow(/incoming cannot be written/);
    expect(fs.readdirSync(elsewhere)).toEqual(["v2"]);
    fs.rmSync(place.at("incoming"));
    await send(connection, staged, () => {});
    const places = ["incoming", "incoming/v1", "incoming/v1/a", "incoming/v1.json"];
    expect(places.map((one) => fs.lstatSync(place.at(one)).uid)).toEqual(places.map(() => owner));
  },
);

test("one changed file of 78 MB in 5,000 takes less than 400 kB on the wire, and what two commits of one second differ in arrives", async () => {
  const files = Object.fromEntries(
    Array.from({ length: 5000 }, (_, i): [string, Buffer] => [`d${i % 50}/file-${i}.js`, randomBytes(15_600)]),
  );
  place.commit(files);
  const first = await deploy("v1");
  expect(first.bytes).toBeGreaterThan(78_000_000);
  expect(first.seen.at(-1)).toEqual({
    bytes: expect.toSatisfy((bytes: number) => bytes >= 78_000_000) as number,
    percent: 100,
  });
  build("v1");
  const changed = randomBytes(15_600);
  place.put({ "d7/file-7.js": changed });
  place.git("commit", "-qam", "y", "--date", "2020-01-01T00:00:00Z");
  const since = performance.now();
  const second = await deploy("v2", "v1");
  process.stdout.write(
    `one changed file: ${second.bytes} bytes, ${Math.round(performance.now() - since)} ms with staging\n`,
  );
  expect(second.bytes).toBeLessThan(400_000);
  expect(fs.readFileSync(place.at("incoming/v2/d7/file-7.js")).equals(changed)).toBe(true);
  expect(second.seen.at(-1)?.percent).toBe(100);
  build("v2");
  expect(place.inode("releases/v2/d7/file-57.js")).toBe(place.inode("releases/v1/d7/file-57.js"));
}, 180_000);

describe("a line that breaks", () => {
  test("is taken up again: what arrived is not sent twice, and a record is there only at the end", async () => {
    place.commit(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, randomBytes(100_000)])));
    fs.writeFileSync(place.cut, "2000");
    const { bytes, staged } = await deploy("v1");
    expect(bytes).toBeLessThan(3_200_000);
    expect(arrived("v1")).toHaveLength(41);
    for (const name of ["f0", "f19", "f39"])
      expect(
        fs.readFileSync(place.at("incoming/v1", name)).equals(fs.readFileSync(path.join(staged.directory, name))),
      ).toBe(true);
  });

  test("within one large file goes on in it", async () => {
    place.commit({ large: randomBytes(6_000_000) });
    fs.writeFileSync(place.cut, "4000");
    expect((await deploy("v1")).bytes).toBeLessThan(4_500_000);
  });

  test("files that are no longer in what is sent are gone from a broken upload of the same id", async () => {
    place.commit({ a: "1" });
    fs.mkdirSync(place.at("incoming/v1/old"), { recursive: true });
    for (const name of ["old/file", ".building", "RELEASE.env"]) fs.writeFileSync(place.at("incoming/v1", name), "x");
    fs.writeFileSync(place.at("incoming/v1.json"), "{}");
    await deploy("v1");
    expect(arrived("v1")).toEqual(["RELEASE.env", "a", "deploy.yaml"]);
  });
});

test("an interrupt ends it, rsync with it, and what arrived is kept", async () => {
  place.commit({ large: randomBytes(3_000_000) });
  const staged = await stage(place.loaded(), { id: "v1" });
  fs.writeFileSync(place.cut, "2000");
  fs.writeFileSync(`${place.cut}.dead`, "");
  const sending = send(place.connection(), staged, () => {});
  await expect.poll(() => writersIn(place.at("incoming/v1"))).not.toEqual([]);
  // As the handler of the command does; a signal to this process would be for the one that runs the tests.
  process.emit("SIGINT");
  await expect(sending).rejects.toThrow(InterruptedError);
  fs.rmSync(`${place.cut}.dead`);
  await expect.poll(() => writersIn(place.at("incoming/v1"))).toEqual([]);
  expect(arrived("v1").length).toBeGreaterThan(0);
  expect(process.listenerCount("SIGINT")).toBe(0);
});

describe("what cannot go on says so", () => {
  test("somebody else's rsync writes there: exit 75, and it is left alone; what one's own dead line left is ended", async () => {
    place.commit({ large: randomBytes(3_000_000) });
    const staged = await stage(place.loaded(), { id: "v1" });
    fs.writeFileSync(place.cut, "2000");
    fs.writeFileSync(`${place.cut}.dead`, "");
    const dead = send(place.connection(), staged, () => {});
    const writers = () => writersIn(place.at("incoming/v1"));
    await expect.poll(writers).not.toEqual([]);
    const before = writers();
    await expect(send(place.connection(), staged, () => {})).rejects.toThrow(BusyError);
    expect(writers()).toEqual(before);
    fs.rmSync(`${place.cut}.dead`);
    for (const pid of before) process.kill(pid);
    await dead;
    expect(arrived("v1")).toEqual(["deploy.yaml", "large"]);
  });

  test("an rsync here that is missing or another one", async () => {
    place.commit({ a: "1" });
    const [staged, PATH] = [await stage(place.loaded(), { id: "v1" }), process.env["PATH"]];
    const bin = path.join(place.root, "bin");
    fs.mkdirSync(bin);
    try {
      process.env["PATH"] = bin;
      await expect(send(place.connection(), staged, () => {})).rejects.toThrow(/rsync is needed on this machine/);
      fs.writeFileSync(path.join(bin, "rsync"), "#!/bin/sh\necho openrsync: protocol version 29\n", { mode: 0o755 });
      await expect(send(place.connection(), staged, () => {})).rejects.toThrow(
        /3\.1 or later is needed on this machine, and this is openrsync/,
      );
    } finally {
      process.env["PATH"] = PATH;
    }
  });

  test("an id that a record of another one would have", async () => {
    place.commit({ a: "1" });
    const staged = await stage(place.loaded(), { id: "v1.json" });
    await expect(send(place.connection(), staged, () => {})).rejects.toThrow(UsageError);
  });

  test("a folder that cannot be written, and files that vanish", async () => {
    place.commit({ a: "1" });
    fs.writeFileSync(place.at("incoming"), "");
    await expect(deploy("v1")).rejects.toThrow(/web1: .*incoming cannot be written/);
    fs.rmSync(place.at("incoming"));
    const staged = await stage(place.loaded(), { id: "v2" });
    fs.rmSync(staged.directory, { recursive: true });
    const failed = send(place.connection(), staged, () => {});
    await expect(failed).rejects.toThrow(/the upload of v2 to web1 failed: rsync's exit code is 23/);
    await expect(failed).rejects.toMatchObject({ host: "web1", output: [expect.anything(), expect.anything()] });
  });

  const isRoot = process.platform === "linux" && process.geteuid?.() === 0;
  test.skipIf(!isRoot)("a disk that is full: what arrived is removed (skipped unless root may mount one)", async () => {
    fs.mkdirSync(place.at("incoming"));
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", place.at("incoming")]);
    expect(mounted.status).toBe(0);
    try {
      // So many that rsync's two ends are at work on some while others fail.
      const small = Array.from({ length: 1500 }, (_, i): [string, Buffer] => [`f${i}`, randomBytes(2000)]);
      place.commit({ ...Object.fromEntries(small), large: randomBytes(2_000_000) });
      const failed = deploy("v1");
      await expect(failed).rejects.toThrow(FailedError);
      await expect(failed).rejects.toThrow(
        /no room on web1 for v1: 5.* in 1503 files; now that what had arrived is removed, .* are free/,
      );
      expect(fs.readdirSync(place.at("incoming"))).toEqual([]);
    } finally {
      spawnSync("umount", [place.at("incoming")]);
    }
  });
});
