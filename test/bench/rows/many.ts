import fs from "node:fs";
import path from "node:path";
import { openDatabase } from "../../../scripts/registry/database.ts";
import { type Place, run } from "../place.ts";
import { BARE } from "../ways/manifest.ts";
import { makeTree, type OwnTree } from "../ways/switchback.ts";

const FIRST = Date.UTC(2020, 0, 1);
const SHA = "0123456789".repeat(4);

/** The id of the `at`-th release: a time, as Capistrano wants it. */
export const idOf = (at: number) => new Date(FIRST + at * 60_000).toISOString().slice(0, 19).replaceAll(/[-:T]/g, "");

const stampOf = (at: number) => `${new Date(FIRST + at * 60_000).toISOString().slice(0, 19)}Z`;

/** A tree with many small releases, all deployed one after the other; the last one is current. */
export function makeMany(place: Place, name: string, count: number, files: number): OwnTree {
  const tree = makeTree(place, name, BARE);
  fs.mkdirSync(path.join(tree.path, "releases"), { recursive: true });
  for (let at = 0; at < count; at++) layRelease(path.join(tree.path, "releases", idOf(at)), at, files);
  const link = path.join(tree.path, "current");
  fs.symlinkSync(`releases/${idOf(count - 1)}`, link);
  register(path.join(tree.path, "registry.db"), count);
  run(place, tree.command("release/list"));
  return tree;
}

function layRelease(directory: string, at: number, files: number): void {
  fs.mkdirSync(path.join(directory, "app"), { recursive: true });
  const release = {
    id: idOf(at),
    sha: SHA,
    built_at: stampOf(at),
    ref: "main",
    built_by: "bench",
    build_host: "bench",
    dirty: false,
    migration_marker: null,
    deps: {},
    steps: {},
    files,
    bytes: files * 100,
    tree_sha256: "0".repeat(64),
  };
  fs.writeFileSync(path.join(directory, "RELEASE.json"), `${JSON.stringify(release, null, 2)}\n`);
  for (let file = 1; file < files; file++)
    fs.writeFileSync(path.join(directory, `app/file${file}`), `${"x".repeat(99)}\n`);
}

function register(file: string, count: number): void {
  const database = openDatabase(file);
  const insert = database.prepare(
    `INSERT INTO releases (release_id, commit_sha, status, deployed_at, previous_release_id, activation, bytes, updated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  database.exec("BEGIN");
  for (let at = 0; at < count; at++) {
    const status = at === count - 1 ? "deployed" : "replaced";
    insert.run(idOf(at), SHA, status, stampOf(at), at === 0 ? null : idOf(at - 1), at + 1, 2000, stampOf(at));
  }
  database.exec("COMMIT");
  database.close();
}
