/**
 * A disk that is full, or fills up in the middle: `ops/_bun test/faults/disk.ts [name…]`. Needs root: it mounts a tmpfs.
 * What has no room ends with 1, or 3 where services were stopped; nothing half is left, the data is as it was, what served serves, and
 * a rollback works on the full disk.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { ask } from "../database/tree.ts";
import { answerOf, type Application, currentId, makeApplication, must, remove, run } from "./host.ts";
import { DEPENDENCIES } from "./scenarios/building.ts";
import { integrityProblem, MIGRATIONS } from "./scenarios/data.ts";
import { commit, editManifest } from "./scenarios/scenario.ts";
import { chosenIn } from "./scenarios/words.ts";

function expect(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`expected: ${what}`);
}

async function onTmpfs(options: string, work: (app: Application) => Promise<void>): Promise<void> {
  const app = await makeApplication();
  fs.mkdirSync(app.tree);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", app.tree], { encoding: "utf8" });
  expect(mounted.status === 0, `a tmpfs can be mounted: ${mounted.stderr}`);
  try {
    fs.mkdirSync(`${app.tree}/shared/data`, { recursive: true });
    fs.writeFileSync(`${app.tree}/shared/.env`, "TOKEN=canary\n");
    must(app, "release/deploy", ["--id", "one"]);
    must(app, "release/deploy", ["--id", "two"]);
    await work(app);
  } finally {
    run(app, "service/stop");
    spawnSync("umount", ["-l", app.tree]);
    remove(app);
  }
}

type Kind = "bytes" | "inodes";

function fill(app: Application, kind: Kind): void {
  const place = (name: string) => `${app.tree}/shared/data/ballast-${name}`;
  try {
    if (kind === "bytes") fs.writeFileSync(place("all"), Buffer.alloc(1 << 26, 1));
    else for (let i = 0; ; i++) fs.writeFileSync(place(String(i)), "");
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code === "ENOSPC", "the disk is full");
  }
}

/** Lines of a manifest that write until there is no room. */
const UNTIL_FULL: Record<Kind, string> = {
  bytes: "head -c 64M /dev/zero >more",
  inodes: "for i in $(seq 9999); do : >more-$i; done",
};

/** Exit `wanted`, nothing half anywhere, and two serves. A release that was built before the disk was full may stay. */
async function failed(app: Application, command: string, words: string[], wanted: number): Promise<void> {
  const { status, stderr, stdout } = run(app, command, words);
  const where = `${command} ${words.join(" ")} without room`;
  expect(status === wanted, `${where} ends with ${wanted}, not ${status}: ${stdout}${stderr}`);
  const releases = fs.readdirSync(`${app.tree}/releases`).toSorted().join(" ");
  expect(
    releases === "one two" || (wanted === 3 && releases === "one three two"),
    `${where} leaves no release: ${releases}`,
  );
  for (const place of ["shared/deps/packages", "backups"])
    expect(unfinishedIn(app, place) === "", `${where} leaves nothing in ${place}: ${unfinishedIn(app, place)}`);
  const data = fs.readdirSync(`${app.tree}/shared/data`).filter((name) => name.endsWith(".restoring"));
  expect(data.length === 0, `${where} leaves nothing beside the data: ${data.join(" ")}`);
  expect(currentId(app) === "two" && (await answerOf(app)) === "two", `${where}: the old release serves`);
}

function unfinishedIn(app: Application, place: string): string {
  const folder = `${app.tree}/${place}`;
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  const marks = [".complete", "BACKUP.json"];
  return names.filter((name) => !marks.some((mark) => fs.existsSync(`${folder}/${name}/${mark}`))).join(" ");
}

async function goesBack(app: Application, words: string[] = []): Promise<void> {
  const back = run(app, "release/rollback", words);
  expect(back.status === 0, `a rollback needs no room: ${back.stdout}${back.stderr}`);
  expect(currentId(app) === "one" && (await answerOf(app)) === "one", "the earlier release serves");
}

const full = (kind: Kind) => async (app: Application) => {
  fill(app, kind);
  await failed(app, "release/deploy", ["--id", "three"], 1);
  await goesBack(app);
};

/** Whatever of a build the disk fills up in. */
const filling = (kind: Kind, manifest: (app: Application) => void) => async (app: Application) => {
  manifest(app);
  fs.writeFileSync(`${app.path}/packages.lock`, "lock\n");
  commit(app, 3);
  await failed(app, "release/deploy", ["--id", "three"], 1);
  fill(app, kind);
  await goesBack(app);
};

const installing = (kind: Kind) =>
  filling(kind, (app) => editManifest(app, DEPENDENCIES.replace("; do sed", `; do ${UNTIL_FULL[kind]}; sed`)));
const stepping = (kind: Kind) =>
  filling(kind, (app) => editManifest(app, `assets: { run: "${UNTIL_FULL[kind]}" }`, /assets: .*/));
/** The step ends well, and the seal finds no room. */
const sealing = (kind: Kind) =>
  filling(kind, (app) =>
    editManifest(app, `assets: { run: "(cd $DEPLOY_TO/shared/data; ${UNTIL_FULL[kind]}) || true" }`, /assets: .*/),
  );

const databasePath = (app: Application) => `${app.tree}/shared/data/app.db`;

/** So many MiB in rows. */
function makeRows(app: Application, size: number): void {
  ask(databasePath(app), "PRAGMA journal_mode = WAL", "CREATE TABLE orders (item)");
  for (let i = 0; i < size; i++) ask(databasePath(app), "INSERT INTO orders VALUES (randomblob(1048576))");
}

function expectRows(app: Application, size: number): void {
  // Elsewhere: even to read, SQLite needs room beside a file.
  const copy = `${app.path}/look.db`;
  for (const side of ["", "-wal"]) {
    fs.rmSync(copy + side, { force: true });
    if (fs.existsSync(databasePath(app) + side)) fs.copyFileSync(databasePath(app) + side, copy + side);
  }
  expect(integrityProblem(copy) === undefined, "the database is whole");
  const [rows] = ask(copy, "SELECT count(*) FROM orders");
  expect(rows === size, `the database has ${size} rows, not ${String(rows)}`);
}

/** The backup finds no room; a backup command writes until there is none. */
async function backup(app: Application): Promise<void> {
  editManifest(app, "database: { sqlite: data/app.db }\n");
  makeRows(app, 3);
  fill(app, "bytes");
  await failed(app, "data/backup", [], 1);
  fs.rmSync(`${app.tree}/shared/data/ballast-all`);
  editManifest(app, `database: { backup: "cat /dev/zero >$BACKUP_FILE", restore: "true" }\n`, /database: .*\n/);
  await failed(app, "data/backup", [], 1);
  expectRows(app, 3);
  await goesBack(app);
}

/** The migration writes until the disk is full; the data is brought back all the same, and what it left is kept. */
const migration = (size: number) => async (app: Application) => {
  editManifest(app, MIGRATIONS);
  makeRows(app, size);
  const lines = `import { DatabaseSync } from "node:sqlite";
const database = new DatabaseSync("data/app.db");
for (;;) database.exec("INSERT INTO orders VALUES (randomblob(65536))");
`;
  fs.writeFileSync(`${app.path}/migrate.ts`, lines);
  commit(app, 3);
  await failed(app, "release/deploy", ["--id", "three"], 3);
  expectRows(app, size);
  const kept = fs.readdirSync(`${app.tree}/shared/data`).filter((name) => /failed-[^-]*-[^-]*-[^-]*-[^-]*$/.test(name));
  expect(kept.length > 0, "the failed file is kept");
  expect(fs.statSync(databasePath(app)).nlink === 1, "no backup is the database's own file");
  fill(app, "bytes");
  await goesBack(app);
  expectRows(app, size);
};

/** A restore keeps what is there, and has no room for that. */
async function restore(app: Application): Promise<void> {
  editManifest(app, "database: { sqlite: data/app.db }\n");
  makeRows(app, 2);
  must(app, "data/backup");
  ask(databasePath(app), "INSERT INTO orders VALUES ('late')");
  fill(app, "bytes");
  await failed(app, "data/restore", ["latest", "--yes"], 1);
  expectRows(app, 3);
  await goesBack(app);
}

/** A prune on a full disk makes room, and takes nothing that is needed. */
async function prune(app: Application): Promise<void> {
  for (const id of ["three", "four"]) {
    commit(app, id.length);
    must(app, "release/deploy", ["--id", id]);
  }
  fill(app, "bytes");
  must(app, "release/prune", ["--keep", "2"]);
  const releases = fs.readdirSync(`${app.tree}/releases`).toSorted().join(" ");
  expect(releases === "four three", `a prune leaves the two newest: ${releases}`);
  const back = run(app, "release/rollback");
  expect(
    back.status === 0 && (await answerOf(app)) === "three",
    `a rollback needs no room: ${back.stdout}${back.stderr}`,
  );
}

const BYTES = "size=24m";
const INODES = "size=64m,nr_inodes=400";
const cases: Record<string, [options: string, work: (app: Application) => Promise<void>]> = {
  "full-bytes": [BYTES, full("bytes")],
  "full-inodes": ["size=64m,nr_inodes=160", full("inodes")],
  "install-bytes": [BYTES, installing("bytes")],
  "install-inodes": [INODES, installing("inodes")],
  "step-bytes": [BYTES, stepping("bytes")],
  "step-inodes": [INODES, stepping("inodes")],
  "seal-bytes": [BYTES, sealing("bytes")],
  "seal-inodes": [INODES, sealing("inodes")],
  backup: [BYTES, backup],
  "migration-small": [BYTES, migration(0)],
  "migration-large": [BYTES, migration(4)],
  restore: [BYTES, restore],
  prune: [BYTES, prune],
};

const chosen = chosenIn(cases);
for (const name of chosen) {
  const [options, work] = cases[name] as (typeof cases)[string];
  await onTmpfs(options, work).catch((error: Error) => {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  });
}
process.stdout.write(
  `full disk (${chosen.join(", ")}): the old release served each time, nothing half was left, a rollback needed no room\n`,
);
