/** The lines for PostgreSQL that the manifest's comments give, on a real server of its own. */
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applyBackup } from "../../scripts/database/apply-backup.ts";
import { applyRestore } from "../../scripts/database/apply-restore.ts";
import { dataPath, observeBackups } from "../../scripts/database/backups.ts";
import { proveBackup } from "../../scripts/database/prove.ts";
import { asUser, bin, hasServer } from "../postgresql-programs.ts";
import { applying, contextOfTree } from "./tree.ts";

const PASSWORD = "canary-9b1d";
const PORT = 24_070;
const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "switchback-postgresql-")));
const data = path.join(folder, "data");
const must = (words: string[], env = {}) => {
  const [program = "", ...rest] = words;
  const ran = spawnSync(program, rest, {
    encoding: "utf8",
    cwd: folder,
    env: { ...process.env, ...env },
    timeout: 30_000,
  });
  if (ran.status !== 0) throw new Error(`${words.join(" ")}: ${ran.stderr}${ran.stdout}`);
  return ran.stdout.trim();
};
const psql = [
  bin("psql"),
  "-XAtq",
  "-v",
  "ON_ERROR_STOP=1",
  "-h",
  folder,
  "-p",
  String(PORT),
  "-U",
  "shop",
  "-d",
  "shop",
];
const sql = (text: string) => must([...psql, "-c", text], { PGPASSWORD: PASSWORD });

const DATABASE = `database:
  backup: |
    export PGPASSFILE="$DEPLOY_TO/shared/pgpass" PGHOST=${folder} PGPORT=${PORT} PGUSER=shop PGDATABASE=shop
    pg_dump --format=custom --file="$BACKUP_FILE" &
    sleep 0.02; tr '\\0' ' ' <"/proc/$!/cmdline" >"$DEPLOY_TO/shared/words"; wait "$!"
  restore: |
    export PGPASSFILE="$DEPLOY_TO/shared/pgpass" PGHOST=${folder} PGPORT=${PORT} PGUSER=shop PGDATABASE=shop
    sql=$(mktemp); trap 'rm -f "$sql"' EXIT
    pg_restore --clean --if-exists --exit-on-error --file="$sql" "$BACKUP_FILE"
    psql -Xq -v ON_ERROR_STOP=1 --single-transaction -c 'DROP SCHEMA public CASCADE' -c 'CREATE SCHEMA public' -f "$sql" >/dev/null
  prove: pg_restore --file=/dev/null --exit-on-error "$BACKUP_FILE"
`;

describe.skipIf(!hasServer)("PostgreSQL (skipped where its server is not installed)", () => {
  const context = contextOfTree(path.join(folder, "tree"), DATABASE);
  const id = "20261120-221530-backup-0001";
  const backUp = (name: string, other = context) =>
    applyBackup(
      other,
      { id: name, reason: "manual", release_id: null, target_id: null, migration_marker: null },
      applying(other, name),
    );

  beforeAll(() => {
    process.env["PATH"] = `${bin("")}:${process.env["PATH"]}`;
    fs.mkdirSync(data, { mode: 0o700 });
    fs.writeFileSync(path.join(folder, "password"), PASSWORD);
    fs.chmodSync(folder, 0o755);
    if (asUser.length > 0) {
      must(["chown", "nobody", data, path.join(folder, "password")]);
      fs.chmodSync(folder, 0o777);
    }
    const server = ["-F", "-k", folder, "-p", String(PORT), "-c", "listen_addresses="].join(" ");
    must([
      ...asUser,
      bin("initdb"),
      "-D",
      data,
      "-U",
      "shop",
      "-A",
      "scram-sha-256",
      `--pwfile=${folder}/password`,
      "-N",
      "-E",
      "UTF8",
      "--locale=C",
    ]);
    must([...asUser, bin("pg_ctl"), "-D", data, "-w", "-l", path.join(data, "log"), "-o", server, "start"]);
    must([bin("createdb"), "-h", folder, "-p", String(PORT), "-U", "shop", "shop"], { PGPASSWORD: PASSWORD });
    fs.writeFileSync(path.join(folder, "tree/shared/pgpass"), `*:*:*:shop:${PASSWORD}\n`, { mode: 0o600 });
    sql(
      "CREATE TABLE orders (id serial PRIMARY KEY, item text); INSERT INTO orders (item) VALUES ('canary-55aa'), ('two')",
    );
  });

  test("a backup under a writer is proven, and nothing shows the password or a row", async () => {
    const insert = "INSERT INTO orders (item) SELECT 'late' WHERE false; UPDATE orders SET item = item";
    const writer = spawn("sh", ["-c", 'while :; do "$@"; done', "sh", ...psql, "-c", insert], {
      stdio: "ignore",
      env: { ...process.env, PGPASSWORD: PASSWORD },
      detached: true,
    });
    await backUp(id);
    process.kill(-(writer.pid as number), "SIGKILL");
    const [fact] = observeBackups(context.paths);
    expect(fact).toMatchObject({ id, kind: "command", reason: "manual" });
    expect(fs.statSync(dataPath(context.paths, id)).mode & 0o777).toBe(0o600);
    expect(await proveBackup(context, id)).toContain("is sound");
    const logs = fs
      .readdirSync(context.paths.logs)
      .map((name) => fs.readFileSync(path.join(context.paths.logs, name), "utf8"));
    const words = fs.readFileSync(path.join(context.paths.shared, "words"), "utf8");
    expect(words).toMatch(/pg_dump.*--format=custom/);
    for (const text of [...logs, words, JSON.stringify(fact)]) expect(text).not.toMatch(/canary/);
  });

  test("a migration that failed half-way is undone by it, tables that it made included", async () => {
    sql("ALTER TABLE orders ADD COLUMN price int; DELETE FROM orders WHERE item = 'two'");
    sql("CREATE TABLE half (id int REFERENCES orders); CREATE VIEW priced AS SELECT price FROM orders");
    const operation = "20261120-221600-restore-0002";
    await applyRestore(context, { backup: id, operationId: operation }, applying(context, operation));
    expect(sql("SELECT item FROM orders ORDER BY id")).toBe("canary-55aa\ntwo");
    expect(sql("SELECT count(*) FROM information_schema.columns WHERE table_name = 'orders'")).toBe("2");
    expect(sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")).toBe("orders");
    sql("INSERT INTO orders (item) VALUES ('since')");
    await applyRestore(context, { backup: id, operationId: operation }, applying(context, operation));
    expect(sql("SELECT count(*) FROM orders")).toBe("3");
  });

  test("a damaged backup is refused, and the data stays", async () => {
    const file = dataPath(context.paths, id);
    const bytes = fs.readFileSync(file);
    fs.writeFileSync(file, Buffer.concat([bytes.subarray(0, -10), Buffer.alloc(10)]));
    const operation = "20261120-221700-restore-0003";
    const restore = applyRestore(context, { backup: id, operationId: operation }, applying(context, operation));
    await expect(restore).rejects.toThrow("is damaged");
    expect(sql("SELECT count(*) FROM orders")).toBe("3");
  });

  test("a command that fails, or writes nothing, or what prove refuses leaves no backup", async () => {
    const lines = (backup: string, prove = "true") =>
      `database: { backup: ${JSON.stringify(backup)}, restore: "true", prove: ${JSON.stringify(prove)} }\n`;
    for (const [name, manifest, message] of [
      ["fails", lines('echo half >"$BACKUP_FILE"; exit 3'), "exit code 3"],
      ["nothing", lines("true"), "wrote nothing"],
      ["empty", lines(': >"$BACKUP_FILE"'), "wrote nothing"],
      ["unproven", lines('echo data >"$BACKUP_FILE"', "exit 1"), "database.prove: exit code 1"],
    ] as const) {
      const other = contextOfTree(path.join(folder, name), manifest);
      await expect(backUp("20261120-221800-backup-0004", other), name).rejects.toThrow(message);
      expect(fs.readdirSync(other.paths.backups)).toEqual([]);
    }
  });

  afterAll(() => {
    spawnSync("sh", ["-c", 'exec "$@"', "sh", ...asUser, bin("pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop"]);
  });
});

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
