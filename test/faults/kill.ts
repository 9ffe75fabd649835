/**
 * SIGKILL at every mutating system call of an operation: `ops/_bun test/faults/kill.ts [operation…] [--every N]`.
 * After each kill `current` names a complete release, and the same command succeeds. strace counts `when=N` per thread.
 */
import fs from "node:fs";
import { ask } from "../database/tree.ts";
import { DatabaseSync } from "node:sqlite";
import {
  answerOf,
  type Application,
  currentId,
  currentProblem,
  makeApplication,
  must,
  remove,
  root,
  run,
  shell,
  injecting,
} from "./host.ts";

const CALLS = [
  "rename",
  "renameat",
  "renameat2",
  "symlink",
  "symlinkat",
  "link",
  "linkat",
  "unlink",
  "unlinkat",
  "mkdir",
  "mkdirat",
  "rmdir",
  "fsync",
  "fdatasync",
  "ftruncate",
  "pwrite64",
  "write",
  "chmod",
  "fchmod",
  "fchmodat",
  "kill",
  "clone",
  "clone3",
  "vfork",
  "copy_file_range",
];

const MIGRATIONS = `database: { sqlite: data/app.db }
migrate: { run: "'${root}/ops/_bun' migrate.ts" }
`;

/** Two statements, each committed by itself: a kill between them leaves a schema that no release knows. */
const migrationTo = (round: number) => `import { DatabaseSync } from "node:sqlite";
const database = new DatabaseSync("data/app.db");
database.exec("PRAGMA journal_mode = WAL");
const has = (name) => database.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?").get(name) !== undefined;
for (const part of ["a", "b"]) if (!has("t${round}" + part)) database.exec("CREATE TABLE t${round}" + part + " (x)");
database.close();
`;

/** The tables of each migration are both there. */
function dataProblem(app: Application, round?: number): string | undefined {
  const database = new DatabaseSync(`${app.tree}/shared/data/app.db`);
  try {
    const tables = database
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
      .all()
      .map((row) => String(row["name"]));
    const half = tables.find(
      (name) => !tables.includes(name.endsWith("a") ? name.replace(/a$/, "b") : name.replace(/b$/, "a")),
    );
    if (half) return `the data is half migrated: ${half} stands alone`;
    return round !== undefined && tables.includes(`t${round}a`)
      ? `the data is that of round ${round} already`
      : undefined;
  } finally {
    database.close();
  }
}

interface Scenario {
  /** Brings the application where the operation starts from; answers the command's words. */
  prepare(app: Application, round: number): string[];
  command: string;
  /** What must hold once the same command has succeeded. */
  check(app: Application, words: string[]): Promise<string | undefined>;
  /** What must hold once what was interrupted is recovered from, before the same command is tried again. */
  recovered?(app: Application, round: number): string | undefined;
}

const commit = (app: Application, round: number) =>
  shell(
    app,
    `echo ${round} > version && git add -A && git -c user.name=t -c user.email=t@localhost commit -qm ${round}`,
  );

const serves = async (app: Application, id: string) => {
  const answered = await answerOf(app);
  return currentId(app) === id && answered === id
    ? undefined
    : `current is ${currentId(app)} and ${answered} answers, not ${id}`;
};

const databasePath = (app: Application) => `${app.tree}/shared/data/app.db`;

/** One row, and the manifest's word for it; backups and kept files of an earlier round go. */
function makeDatabase(app: Application): void {
  const manifest = `${app.path}/deploy.yaml`;
  const text = fs.readFileSync(manifest, "utf8");
  if (!/^database:/m.test(text)) fs.writeFileSync(manifest, `${text}\ndatabase: { sqlite: data/app.db }\n`);
  shell(app, `rm -rf ${app.tree}/backups ${databasePath(app)}*`);
  ask(
    databasePath(app),
    "PRAGMA journal_mode = WAL",
    "CREATE TABLE orders (item TEXT)",
    "INSERT INTO orders VALUES ('one')",
  );
}

const scenarios: Record<string, Scenario> = {
  switch: {
    command: "release/switch_current",
    prepare: (app) => [currentId(app) === "one" ? "two" : "one"],
    check: (app, [id]) => serves(app, id as string),
  },
  rollback: {
    command: "release/rollback",
    prepare(app) {
      must(app, "release/switch_current", ["two"]);
      return ["one"];
    },
    check: (app) => serves(app, "one"),
  },
  build: {
    command: "release/build_release",
    prepare: (app, round) => (commit(app, round), ["--id", `built-${round}`]),
    check: async (app, [, id]) =>
      fs.existsSync(`${app.tree}/releases/${id}/RELEASE.json`) ? undefined : `${id} is not built`,
  },
  deploy: {
    command: "release/deploy",
    prepare: (app, round) => (commit(app, round), ["--id", `deployed-${round}`]),
    check: (app, [, id]) => serves(app, id as string),
  },
  migrate: {
    command: "release/deploy",
    prepare(app, round) {
      if (round === 1) fs.appendFileSync(`${app.path}/deploy.yaml`, MIGRATIONS);
      fs.writeFileSync(`${app.path}/migrate.ts`, migrationTo(round));
      commit(app, round);
      return ["--id", `migrated-${round}`];
    },
    check: async (app, [, id]) => (await serves(app, id as string)) ?? dataProblem(app),
    recovered: (app, round) => dataProblem(app, currentId(app) === `migrated-${round}` ? undefined : round),
  },
  harden: {
    command: "release/prepare_shared",
    prepare(app) {
      const link = (name: string) =>
        `rm -rf ${app.tree}/shared/${name} && ln -s ${app.path}/${name} ${app.tree}/shared/${name}`;
      must(app, "service/stop");
      shell(app, `date > data/state && ${link("data")} && ${link(".env")}`);
      must(app, "service/start");
      return ["--harden"];
    },
    async check(app) {
      const isReal = (name: string) => !fs.lstatSync(`${app.tree}/shared/${name}`).isSymbolicLink();
      const isSame =
        shell(app, `cmp data/state ${app.tree}/shared/data/state && cmp .env ${app.tree}/shared/.env`).status === 0;
      const left = fs.readdirSync(`${app.tree}/shared`).filter((name) => /^\.(taking|kept)/.test(name));
      if (!isReal("data") || !isReal(".env") || !isSame || left.length > 0)
        return `shared/ is not as it should be: ${left.join(" ")}`;
      return (await answerOf(app)) === currentId(app) ? undefined : "nothing serves";
    },
  },
  backup: {
    command: "data/backup",
    prepare(app) {
      makeDatabase(app);
      return [];
    },
    async check(app) {
      const backups = fs.readdirSync(`${app.tree}/backups`);
      const unfinished = backups.filter((id) => !fs.existsSync(`${app.tree}/backups/${id}/BACKUP.json`));
      if (unfinished.length > 0) return `unfinished: ${unfinished.join(" ")}`;
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
      return (await answerOf(app)) === currentId(app) ? undefined : "nothing serves";
    },
  },
  prune: {
    command: "release/prune",
    prepare(app, round) {
      commit(app, round);
      must(app, "release/build_release", ["--id", `old-${round}`]);
      must(app, "release/release-registry", [
        "upsert",
        "--release-id",
        `old-${round}`,
        "--commit-sha",
        "0",
        "--status",
        "deploy_failed",
      ]);
      return [];
    },
    check: async (app) =>
      fs.readdirSync(`${app.tree}/releases`).some((name) => /^old-|^\./.test(name)) ? "something was left" : undefined,
  },
};

async function kill(app: Application, scenario: Scenario, call: string, when: number, round: number): Promise<boolean> {
  const words = scenario.prepare(app, round);
  const inject = injecting(call, "signal=KILL", when);
  const { signal, status } = run(app, scenario.command, words, inject);
  const wasKilled = signal === "SIGKILL" || status === 137;
  const where = `${scenario.command} killed at ${call} ${when}`;
  const torn = currentProblem(app);
  if (torn) throw new Error(`${where}: ${torn}`);
  if (scenario.recovered) {
    const recovery = run(app, "release/recover");
    if (recovery.status !== 0) throw new Error(`${where}: recover: ${recovery.stdout}${recovery.stderr}`);
    const left = scenario.recovered(app, round);
    if (left) throw new Error(`${where}: after recovery: ${left}\n${recovery.stdout}`);
  }
  const again = run(app, scenario.command, words);
  const isSettled =
    again.status === 0 || (scenario.command === "release/rollback" && /is current already/.test(again.stderr));
  if (!isSettled)
    throw new Error(`${where}: the same command then ended with ${again.status}\n${again.stdout}${again.stderr}`);
  const wrong = currentProblem(app) ?? (await scenario.check(app, words));
  if (wrong) throw new Error(`${where}: after the same command: ${wrong}\n${again.stdout}`);
  return wasKilled;
}

/** Kills at every `every`-th call of each kind until it no longer fires; answers how often it fired. */
async function campaign(name: string, every: number): Promise<number> {
  const scenario = scenarios[name];
  if (!scenario) throw new Error(`no scenario ${name}; there are ${Object.keys(scenarios).join(", ")}`);
  const app = await makeApplication();
  let fired = 0;
  let round = 0;
  try {
    must(app, "release/prepare_shared");
    must(app, "release/deploy", ["--id", "one"]);
    must(app, "release/deploy", ["--id", "two"]);
    for (const call of CALLS) for (let when = 1; await kill(app, scenario, call, when, ++round); when += every) fired++;
  } finally {
    remove(app);
  }
  return fired;
}

const words = process.argv.slice(2);
const every = Number(words[words.indexOf("--every") + 1] || 1);
const chosen = words.filter((word) => word in scenarios);
for (const name of chosen.length > 0 ? chosen : Object.keys(scenarios)) {
  const began = performance.now();
  const fired = await campaign(name, words.includes("--every") ? every : 1);
  process.stdout.write(
    `${name}: killed ${fired} times, ${((performance.now() - began) / 1000).toFixed(0)} s, each time current was complete and the same command succeeded\n`,
  );
}
