import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ask } from "../../database/tree.ts";
import { answerOf, type Application, currentId, must, root, run, shell } from "../host.ts";
import { commit, editManifest, type Scenario, serves } from "./scenario.ts";

const SQLITE = "database: { sqlite: data/app.db }\n";

/** What a manifest says of a database that releases migrate. */
export const MIGRATIONS = `${SQLITE}migrate: { run: "'${root}/ops/_bun' migrate.ts" }\n`;

/** Two statements for each schema, each committed by itself: a kill between them leaves one that no release knows. */
export const migrationTo = (...schemas: (number | string)[]) => `import { DatabaseSync } from "node:sqlite";
const database = new DatabaseSync("data/app.db");
database.exec("PRAGMA journal_mode = WAL");
const has = (name) => database.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?").get(name) !== undefined;
const tables = ${JSON.stringify(schemas.flatMap((schema) => [`t${schema}a`, `t${schema}b`]))};
for (const table of tables) if (!has(table)) database.exec("CREATE TABLE " + table + " (x)");
database.close();
`;

const databasePath = (app: Application) => `${app.tree}/shared/data/app.db`;

const tablesOf = (file: string) => ask(file, "SELECT name FROM sqlite_schema WHERE type = 'table'").map(String);

/** The tables of each migration are both there, and every file that was kept is whole. */
export function dataProblem(app: Application, round?: number): string | undefined {
  const tables = tablesOf(databasePath(app));
  const half = tables.find(
    (name) => !tables.includes(name.endsWith("a") ? name.replace(/a$/, "b") : name.replace(/b$/, "a")),
  );
  if (half) return `the data is half migrated: ${half} stands alone`;
  if (round !== undefined && tables.includes(`t${round}a`)) return `the data is that of round ${round} already`;
  return keptFiles(app).map(integrityProblem).find(Boolean);
}

/** Databases that were taken out of the way, without their logs. */
function keptFiles(app: Application): string[] {
  const folder = path.dirname(databasePath(app));
  return fs
    .readdirSync(folder)
    .filter((name) => /\.failed-/.test(name) && !/-(wal|shm|journal)$/.test(name))
    .map((name) => path.join(folder, name));
}

export function integrityProblem(file: string): string | undefined {
  const database = new DatabaseSync(file);
  try {
    const found = String(Object.values(database.prepare("PRAGMA integrity_check").get() ?? {})[0]);
    return found === "ok" ? undefined : `${path.basename(file)}: ${found}`;
  } catch (error) {
    return `${path.basename(file)}: ${(error as Error).message}`;
  } finally {
    database.close();
  }
}

/** One row, and the manifest's word for it; backups and kept files of an earlier round go. */
export function makeDatabase(app: Application): void {
  if (!/^database:/m.test(fs.readFileSync(`${app.path}/deploy.yaml`, "utf8"))) editManifest(app, SQLITE);
  shell(app, `rm -rf ${app.tree}/backups ${databasePath(app)}*`);
  ask(
    databasePath(app),
    "PRAGMA journal_mode = WAL",
    "CREATE TABLE orders (item TEXT)",
    "INSERT INTO orders VALUES ('one')",
  );
}

/** Backups that were begun and not finished. */
export function backupProblem(app: Application): string | undefined {
  const ids = fs.existsSync(`${app.tree}/backups`) ? fs.readdirSync(`${app.tree}/backups`) : [];
  const unfinished = ids.filter((id) => !fs.existsSync(`${app.tree}/backups/${id}/BACKUP.json`));
  return unfinished.length > 0 ? `unfinished: ${unfinished.join(" ")}` : undefined;
}

/** Brings the application to an earlier schema with one row, and from there to a later one with two. */
function cross(app: Application, round: number): void {
  shell(app, `rm -rf ${databasePath(app)}.failed-*`);
  if (round === 1) {
    editManifest(app, MIGRATIONS);
    for (const id of ["early", "late"]) {
      fs.writeFileSync(`${app.path}/migrate.ts`, id === "early" ? migrationTo("early") : migrationTo("early", "late"));
      commit(app, round);
      must(app, "release/deploy", ["--id", id]);
    }
  } else if (currentId(app) !== "late") must(app, "release/switch_current", ["late"]);
  ask(databasePath(app), "INSERT INTO tlatea VALUES ('late')");
}

/** Operations on data. */
export const data: Record<string, Scenario> = {
  backup: {
    command: "data/backup",
    prepare(app) {
      makeDatabase(app);
      return [];
    },
    async check(app) {
      const left = backupProblem(app);
      if (left) return left;
      const { status, stderr } = run(app, "data/restore", ["--prove"]);
      return status === 0 ? undefined : stderr;
    },
  },
  restore: {
    command: "data/restore",
    prepare(app) {
      makeDatabase(app);
      must(app, "data/backup");
      ask(databasePath(app), "INSERT INTO orders VALUES ('late')");
      return ["latest", "--yes"];
    },
    async check(app) {
      const rows = ask(databasePath(app), "SELECT item FROM orders").join(" ");
      const left = fs.readdirSync(`${app.tree}/shared/data`).filter((name) => name.endsWith(".restoring"));
      if (rows !== "one" || left.length > 0) return `the database holds ${rows}; left: ${left.join(" ")}`;
      const kept = keptFiles(app).flatMap((file) => ask(file, "SELECT item FROM orders"));
      if (!kept.includes("late")) return "what was there before was not kept";
      return (await answerOf(app)) === currentId(app) ? undefined : "nothing serves";
    },
    recovered(app) {
      const rows = ask(databasePath(app), "SELECT item FROM orders").join(" ");
      return rows === "one" || rows === "one late" ? undefined : `the database holds ${rows}`;
    },
  },
  migrate: {
    command: "release/deploy",
    prepare(app, round) {
      if (round === 1) editManifest(app, MIGRATIONS);
      fs.writeFileSync(`${app.path}/migrate.ts`, migrationTo(round));
      commit(app, round);
      return ["--id", `migrated-${round}`];
    },
    check: async (app, [, id]) => (await serves(app, id as string)) ?? dataProblem(app) ?? backupProblem(app),
    recovered: (app, round) => dataProblem(app, currentId(app) === `migrated-${round}` ? undefined : round),
  },
  "restore-data": {
    command: "release/rollback",
    prepare(app, round) {
      cross(app, round);
      return ["early", "--restore-data", "--yes"];
    },
    async check(app) {
      const kept = keptFiles(app).find(
        (file) => tablesOf(file).includes("tlatea") && ask(file, "SELECT x FROM tlatea").includes("late"),
      );
      if (kept === undefined) return "what was taken away was not kept";
      const wrong = tablesOf(databasePath(app)).includes("tlatea") ? "the data is the later one's" : undefined;
      return (await serves(app, "early")) ?? wrong ?? dataProblem(app);
    },
    recovered(app) {
      const tables = tablesOf(databasePath(app));
      const isLate = currentId(app) === "late";
      if (tables.includes("tlatea") !== isLate)
        return `current is ${currentId(app)}, and the data has ${tables.join(" ")}`;
      const rows = isLate ? ask(databasePath(app), "SELECT x FROM tlatea").join(" ") : "late";
      return rows.includes("late") ? dataProblem(app) : "a row of the later release is lost";
    },
    isDone: /is current already/,
  },
};
