import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { Sql } from "postgres";
import { transaction } from "../database.ts";
import { getFact, newestSeq, noteAll, setFact } from "../outbox.ts";

/** Whose records they are. */
export interface Tree {
  /** Random, made once and kept in the registry: two hosts may have the same name and the same path. */
  id: string;
  app: string;
  host: string;
  deployTo: string;
}

/** The tree's own name for a server; a copy of a tree gets one of its own as soon as it is seen to be one. */
export function ownTree(database: DatabaseSync, app: string, deployTo: string): Tree {
  const here = { machine: machineId(), deployTo: fs.realpathSync(deployTo) };
  const known = getFact(database, "tree_id");
  const at = JSON.parse(getFact(database, "tree_at") ?? "{}") as Partial<typeof here>;
  const isHere = at.machine === here.machine && (at.deployTo === here.deployTo || !isTree(at.deployTo));
  const id = known !== undefined && isHere ? known : rename(database, here);
  if (isHere && at.deployTo !== here.deployTo) setFact(database, "tree_at", JSON.stringify(here));
  return { id, app, host: os.hostname(), deployTo: here.deployTo };
}

const isTree = (place: string | undefined) => place !== undefined && fs.existsSync(path.join(place, "registry.db"));

function machineId(): string {
  try {
    return fs.readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    return "";
  }
}

/** From here on another tree as far as any server knows: all of it is told anew. */
function rename(database: DatabaseSync, here?: object): string {
  const id = crypto.randomUUID();
  transaction(database, () => {
    setFact(database, "tree_id", id);
    if (here) setFact(database, "tree_at", JSON.stringify(here));
    setFact(database, "told_to", "0");
    noteAll(database);
  });
  return id;
}

/**
 * Introduces the tree to a server. One that lost what it was told (put back from a backup, made anew, another one) is told
 * everything again. One that was told more than this registry ever had knows another copy of it: this one gets a name of its own.
 */
export async function introduce(
  sql: Sql,
  database: DatabaseSync,
  tree: Tree,
): Promise<{ tree: Tree; isCopy: boolean }> {
  const [known] = await sql`SELECT told_to::float8 AS "toldTo", host FROM switchback_trees WHERE id = ${tree.id}`;
  const toldTo = Number(known?.["toldTo"] ?? 0);
  const isCopy = toldTo > newestSeq(database);
  const named = isCopy ? { ...tree, id: rename(database) } : tree;
  if (!isCopy && toldTo < Number(getFact(database, "told_to") ?? 0))
    transaction(database, () => {
      noteAll(database);
      setFact(database, "told_to", String(toldTo));
    });
  const { id, app, host, deployTo } = named;
  await sql`INSERT INTO switchback_trees (id, app, host, deploy_to) VALUES (${id}, ${app}, ${host}, ${deployTo})
    ON CONFLICT (id) DO UPDATE SET app = excluded.app, host = excluded.host, deploy_to = excluded.deploy_to`;
  if (!isCopy && known && known["host"] !== host)
    await sql`UPDATE switchback_releases SET host = ${host} WHERE tree = ${id}`;
  return { tree: named, isCopy };
}
