import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applyBackup } from "../../scripts/database/apply-backup.ts";
import { applyRestore } from "../../scripts/database/apply-restore.ts";
import { dataPath, observeBackups } from "../../scripts/database/backups.ts";
import { injecting } from "../faults/host.ts";
import { applying, ask, contextOfTree, itemsOf, SQLITE } from "./tree.ts";

const OPERATION = "20261120-221530-restore-beef";
const BACKUP = "20261120-221500-backup-cafe";
const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-restore-")));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const subject = (id: string) => ({
  id,
  reason: "manual" as const,
  release_id: null,
  target_id: null,
  migration_marker: null,
});
const template = path.join(folder, "template");

/** A database of which one row lies only in its write-ahead log, as after a crash, and a backup from before that row. */
beforeAll(async () => {
  const context = contextOfTree(template, SQLITE);
  const file = path.join(template, "shared/app.db");
  ask(file, "PRAGMA journal_mode = WAL", "CREATE TABLE orders (item TEXT)", "INSERT INTO orders VALUES ('one')");
  fs.chmodSync(file, 0o640);
  await applyBackup(context, subject(BACKUP), applying(context, BACKUP));
  const insert = `const { DatabaseSync } = require("node:sqlite");
    new DatabaseSync(process.argv[1]).exec("INSERT INTO orders VALUES ('two')"); process.kill(process.pid, "SIGKILL");`;
  spawnSync(process.execPath, ["-e", insert, file]);
  expect(fs.statSync(`${file}-wal`).size).toBeGreaterThan(0);
  expect(itemsOf(file)).toEqual(["one", "two"]);
});

let count = 0;
function copyOfTree() {
  const tree = path.join(folder, `tree-${++count}`);
  fs.cpSync(template, tree, { recursive: true });
  const context = contextOfTree(tree, SQLITE);
  const file = path.join(tree, "shared/app.db");
  const restore = (operationId = OPERATION) =>
    applyRestore(context, { backup: BACKUP, operationId }, applying(context, operationId));
  const clear = () => fs.rmSync(tree, { recursive: true });
  return { tree, context, file, restore, clear, kept: `${file}.failed-${OPERATION}` };
}

const besideOf = (file: string) => fs.readdirSync(path.dirname(file)).toSorted();

describe("a restore", () => {
  test("brings the backup back with the file's mode, and keeps what was there with its log", async () => {
    const { file, kept, restore } = copyOfTree();
    await restore();
    expect(itemsOf(file)).toEqual(["one"]);
    expect(fs.statSync(file).mode & 0o777).toBe(0o640);
    expect(itemsOf(kept)).toEqual(["one", "two"]);
    expect(ask(file, "PRAGMA journal_mode")).toEqual(["wal"]);
  });

  test("done again, takes nothing away that was written since", async () => {
    const { file, restore } = copyOfTree();
    await restore();
    ask(file, "INSERT INTO orders VALUES ('since')");
    await restore();
    expect(itemsOf(file)).toEqual(["one", "since"]);
  });

  test("of another operation keeps that too, under another name", async () => {
    const { file, restore } = copyOfTree();
    await restore();
    ask(file, "INSERT INTO orders VALUES ('since')");
    await restore("20261120-230000-restore-f00d");
    expect(itemsOf(file)).toEqual(["one"]);
    expect(itemsOf(`${file}.failed-20261120-230000-restore-f00d`)).toEqual(["one", "since"]);
  });

  test("that was cut off and written to meanwhile never writes over what it kept", async () => {
    const { context, file, kept, restore } = copyOfTree();
    await restore();
    fs.rmSync(path.join(context.paths.backups, BACKUP, `restored-${OPERATION}`));
    ask(file, "INSERT INTO orders VALUES ('since')");
    await restore();
    expect([itemsOf(file), itemsOf(kept), itemsOf(`${kept}-2`)]).toEqual([["one"], ["one", "two"], ["one", "since"]]);
  });

  test("goes through a link to the file itself", async () => {
    const { tree, file, restore } = copyOfTree();
    fs.mkdirSync(path.join(tree, "elsewhere"));
    for (const side of ["", "-wal", "-shm"])
      if (fs.existsSync(file + side)) fs.renameSync(file + side, path.join(tree, `elsewhere/real.db${side}`));
    fs.symlinkSync("../elsewhere/real.db", file);
    await restore();
    expect(fs.readlinkSync(file)).toBe("../elsewhere/real.db");
    expect(itemsOf(path.join(tree, "elsewhere/real.db"))).toEqual(["one"]);
    expect(itemsOf(path.join(tree, `elsewhere/real.db.failed-${OPERATION}`))).toEqual(["one", "two"]);
  });

  test("of a time without a database leaves none, and keeps the file", async () => {
    const { context, file, kept } = copyOfTree();
    const id = "20261120-220000-migrate-0001";
    for (const side of ["", "-wal", "-shm"]) fs.rmSync(file + side, { force: true });
    await applyBackup(context, subject(id), applying(context, id));
    ask(file, "CREATE TABLE orders (item TEXT)", "INSERT INTO orders VALUES ('half')");
    const restore = () => applyRestore(context, { backup: id, operationId: OPERATION }, applying(context, OPERATION));
    await restore();
    await restore();
    expect(besideOf(file)).toEqual([path.basename(kept)]);
    expect(itemsOf(kept)).toEqual(["half"]);
  });

  test("of a changed backup is refused, and touches nothing", async () => {
    const { context, file, restore } = copyOfTree();
    const data = dataPath(context.paths, BACKUP);
    const bytes = fs.readFileSync(data);
    bytes[5000] = (bytes[5000] ?? 0) ^ 1;
    fs.writeFileSync(data, bytes);
    await expect(restore()).rejects.toThrow("is damaged");
    expect(itemsOf(file)).toEqual(["one", "two"]);
    expect(besideOf(file).filter((name) => /failed|restoring/.test(name))).toEqual([]);
  });
});

const hasStrace = process.platform === "linux" && spawnSync("strace", ["-V"]).status === 0;
const worker = path.resolve(import.meta.dirname, "kill-restore.ts");
const CALLS = ["rename", "unlink", "fsync", "pwrite64", "ftruncate", "chmod", "copy_file_range", "ioctl"];

/** Kills a run at every call of a kind, and answers how often it was killed. */
async function killed(verb: string, call: string, check: (run: ReturnType<typeof copyOfTree>) => Promise<void>) {
  let fired = 0;
  for (let when = 1; when < 400; when++) {
    const run = copyOfTree();
    const [program = "", ...words] = injecting(call, "signal=KILL", when);
    const ended = spawnSync(program, [...words, worker, run.tree, verb, BACKUP, OPERATION], { encoding: "utf8" });
    const wasKilled = ended.signal === "SIGKILL" || ended.status === 137;
    if (!wasKilled) expect(`${ended.status} ${ended.stderr}`).toBe("0 ");
    await check(run);
    run.clear();
    if (!wasKilled) break;
    fired++;
  }
  return fired;
}

describe.skipIf(!hasStrace)("killed at any call (skipped where there is no strace)", () => {
  test(
    "a restore is finished by the next run, and the data that was there is whole",
    { timeout: 200_000 },
    async () => {
      let fired = 0;
      for (const call of CALLS)
        fired += await killed("restore", call, async ({ file, kept, restore }) => {
          await restore();
          expect(itemsOf(file), call).toEqual(["one"]);
          expect(itemsOf(kept), call).toEqual(["one", "two"]);
          expect(besideOf(file).filter((name) => /restoring/.test(name) || /-\d$/.test(name))).toEqual([]);
        });
      expect(fired).toBeGreaterThan(10);
    },
  );

  test("a backup is complete or none, and the next one clears up", { timeout: 200_000 }, async () => {
    let fired = 0;
    for (const call of CALLS)
      fired += await killed("backup", call, async ({ context, file }) => {
        const { backups } = context.paths;
        for (const { id, is_absent } of observeBackups(context.paths))
          if (!is_absent) expect(itemsOf(dataPath(context.paths, id)).at(0), call).toBe("one");
        const next = "20261120-221600-backup-0002";
        await applyBackup(context, subject(next), applying(context, next));
        expect(itemsOf(dataPath(context.paths, next)), call).toEqual(["one", "two"]);
        expect(fs.readdirSync(backups).filter((id) => !fs.existsSync(path.join(backups, id, "BACKUP.json")))).toEqual(
          [],
        );
        expect(itemsOf(file)).toEqual(["one", "two"]);
      });
    expect(fired).toBeGreaterThan(10);
  });
});
