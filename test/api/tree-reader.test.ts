/** The reader of one tree, whatever becomes of the tree's files beneath it. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { PART_BYTES } from "../../scripts/api/tree-log.ts";
import { treeReader } from "../../scripts/api/tree-reader.ts";
import type { Paths } from "../../scripts/core/paths.ts";
import { openDatabase } from "../../scripts/registry/database.ts";
import { makeTree, openRegistry, put, putOperation } from "./place.ts";

function readerOf(paths: Paths) {
  const reader = treeReader(paths, { app: "demo", host: "here" });
  onTestFinished(() => reader.close());
  return reader;
}

const idsOf = async (reader: ReturnType<typeof treeReader>) =>
  (await reader.releases({ limit: 500 })).map((row) => row.release_id);

test("a tree without a registry is an empty one, and nothing is made there", async () => {
  const tree = makeTree();
  const reader = readerOf(tree);
  expect(await idsOf(reader)).toEqual([]);
  expect(await reader.operations({ limit: 1 })).toEqual([]);
  expect(await reader.release("v1")).toBeUndefined();
  expect(await reader.hosts()).toEqual([
    {
      host: "here",
      app: "demo",
      deploy_to: tree.deployTo,
      release_id: null,
      commit_sha: null,
      since: null,
      is_serving: null,
    },
  ]);
  expect(await reader.version()).toEqual(await reader.version());
  expect(fs.existsSync(tree.registry)).toBe(false);
});

test("what is written by others is seen at once, and the version tells it", async () => {
  const tree = makeTree();
  const reader = readerOf(tree);
  const versions = [await reader.version()];
  const database = openRegistry(tree);
  for (const id of ["a", "b", "c"]) {
    put(database, id, "built");
    expect((await idsOf(reader))[0]).toBe(id);
    versions.push(await reader.version());
  }
  putOperation(database, {
    id: "one",
    host: os.hostname(),
    pid: process.pid,
    started_at: new Date().toISOString(),
    finished_at: null,
    outcome: null,
  });
  versions.push(await reader.version());
  fs.writeFileSync(path.join(tree.logs, "one.log"), "a line\n");
  versions.push(await reader.version());
  fs.mkdirSync(path.join(tree.releases, "c"));
  fs.symlinkSync("releases/c", tree.current);
  versions.push(await reader.version());
  expect(new Set(versions).size).toBe(versions.length);
  expect(await reader.version()).toBe(versions.at(-1));
});

test("a registry that is replaced, removed and made anew is the one that is read", async () => {
  const tree = makeTree();
  const reader = readerOf(tree);
  const made = (file: string, id: string) => {
    const database = openDatabase(file);
    put(database, id, "built");
    database.close();
  };
  made(tree.registry, "first");
  expect(await idsOf(reader)).toEqual(["first"]);
  made(`${tree.registry}.other`, "second");
  fs.renameSync(`${tree.registry}.other`, tree.registry);
  expect(await idsOf(reader)).toEqual(["second"]);
  for (const ending of ["", "-wal", "-shm"]) fs.rmSync(tree.registry + ending, { force: true });
  expect(await idsOf(reader)).toEqual([]);
  made(tree.registry, "third");
  expect(await idsOf(reader)).toEqual(["third"]);
});

test("what is no registry is an error, and over when it is gone", async () => {
  const tree = makeTree();
  const reader = readerOf(tree);
  fs.writeFileSync(tree.registry, "this is no database, and long enough to be one\n".repeat(50));
  await expect(reader.releases({ limit: 1 })).rejects.toThrow("cannot be read");
  await expect(reader.version()).rejects.toThrow("cannot be read");
  fs.writeFileSync(tree.registry, "");
  expect(await idsOf(reader)).toEqual([]);
  fs.rmSync(tree.registry);
  put(openRegistry(tree), "v1", "built");
  expect(await idsOf(reader)).toEqual(["v1"]);
});

test("what a writer left in the WAL when it was killed is read", async () => {
  const tree = makeTree();
  const script = `
    import { openDatabase } from ${JSON.stringify(path.resolve(import.meta.dirname, "../../scripts/registry/database.ts"))};
    import { upsertRow } from ${JSON.stringify(path.resolve(import.meta.dirname, "../../scripts/registry/releases.ts"))};
    globalThis.database = openDatabase(${JSON.stringify(tree.registry)});
    upsertRow(globalThis.database, { releaseId: "v1", sha: "abc", status: "built" });
    process.kill(process.pid, "SIGKILL");`;
  const file = path.join(path.dirname(tree.deployTo), "writer.ts");
  fs.writeFileSync(file, script);
  const bun = path.resolve(import.meta.dirname, "../../ops/_bun");
  expect(spawnSync(bun, [file], { encoding: "utf8" })).toMatchObject({ signal: "SIGKILL" });
  expect(fs.existsSync(`${tree.registry}-wal`)).toBe(true);
  expect(await idsOf(readerOf(tree))).toEqual(["v1"]);
});

test("an operation without an end is at work while its process lives, and interrupted from then on", async () => {
  const tree = makeTree();
  const database = openRegistry(tree);
  const child = spawn("sleep", ["60"]);
  const open = { finished_at: null, outcome: null, exit_code: null, started_at: new Date().toISOString() };
  putOperation(database, { id: "mine", host: os.hostname(), pid: child.pid ?? 0, ...open });
  putOperation(database, { id: "theirs", host: "elsewhere", pid: 1, ...open });
  const reader = readerOf(tree);
  const outcomes = async () =>
    Object.fromEntries((await reader.operations({ limit: 9 })).map(({ id, outcome }) => [id, outcome]));
  expect(await outcomes()).toEqual({ mine: null, theirs: null });
  const before = await reader.version();
  expect(reader.summary().open).toEqual({ atWork: 2, interrupted: 0 });
  child.kill("SIGKILL");
  await once(child, "close");
  expect(await outcomes()).toEqual({ mine: "interrupted", theirs: null });
  expect((await reader.operation("mine"))?.operation.outcome).toBe("interrupted");
  expect(await reader.version()).not.toBe(before);
  expect(reader.summary().open).toEqual({ atWork: 1, interrupted: 1 });
});

test("a log is read in whole characters, part by part, until it ends", async () => {
  const tree = makeTree();
  const database = openRegistry(tree);
  putOperation(database, { id: "one", finished_at: null, outcome: null });
  const file = path.join(tree.logs, "one.log");
  const text = `${"a".repeat(PART_BYTES - 1)}€${"ü".repeat(PART_BYTES)}🙂`;
  fs.writeFileSync(file, text);
  const reader = readerOf(tree);
  const parts: string[] = [];
  let from = 0;
  for (let i = 0; i < 5; i++) {
    const part = await reader.log("one", from);
    expect(part?.isWhole).toBe(false);
    parts.push(part?.text ?? "");
    from = part?.next ?? 0;
  }
  expect(parts.join("")).toBe(text);
  expect(from).toBe(Buffer.byteLength(text));
  database.exec("UPDATE operations SET finished_at = started_at, outcome = 'done'");
  expect(await reader.log("one", from)).toEqual({ text: "", next: from, isWhole: true });
  expect(await reader.log("one", -6)).toEqual({ text: "ü🙂", next: from, isWhole: true });
  expect(await reader.log("one", -5)).toEqual({ text: "🙂", next: from, isWhole: true });
  fs.writeFileSync(file, Buffer.from([0x61, 0xff, 0x80, 0xe2, 0x82]));
  let end = await reader.log("one", 0);
  while (end && !end.isWhole) end = await reader.log("one", end.next);
  expect(end?.next).toBe(5);
});

test("nothing but an operation's own log is read", async () => {
  const tree = makeTree();
  const database = openRegistry(tree);
  const secret = path.join(tree.deployTo, "secret.log");
  fs.writeFileSync(secret, "secret");
  for (const id of ["linked", "folder", "pipe", "../secret", "gone"]) putOperation(database, { id });
  fs.symlinkSync(secret, path.join(tree.logs, "linked.log"));
  fs.mkdirSync(path.join(tree.logs, "folder.log"));
  spawnSync("mkfifo", [path.join(tree.logs, "pipe.log")]);
  fs.writeFileSync(path.join(tree.logs, "web.log"), "a service's");
  const reader = readerOf(tree);
  for (const id of ["linked", "folder", "pipe", "../secret", "gone", "web", "", "."])
    expect(await reader.log(id, 0)).toBeUndefined();
});

test("what is current is told, of a tree that was made by hand too", async () => {
  const tree = makeTree();
  put(openRegistry(tree), "v1", "deployed");
  fs.mkdirSync(path.join(tree.releases, "v1"));
  fs.symlinkSync(path.join(tree.releases, "v1"), tree.current);
  const [state] = await readerOf(tree).hosts();
  expect(state).toMatchObject({ release_id: "v1", commit_sha: "sha-of-v1" });
  expect(state?.since).toMatch(/^\d{4}-\d\d-\d\dT/);
  fs.rmSync(tree.current);
  fs.mkdirSync(tree.current);
  expect((await readerOf(tree).hosts())[0]).toMatchObject({ release_id: null, since: null });
});
