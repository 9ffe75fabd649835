import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Context } from "../../scripts/core/context.ts";
import { readOverrides } from "../../scripts/core/overrides.ts";
import { treePaths } from "../../scripts/core/paths.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";

export const SQLITE = "database: { sqlite: app.db }\n";

/** The context of a tree; its manifest, with the `database` that is given at the first call, lies beside it. */
export function contextOfTree(tree: string, database?: string): Context {
  const filePath = `${tree}.yaml`;
  if (database !== undefined || !fs.existsSync(filePath))
    fs.writeFileSync(filePath, `app: demo\ndeploy_to: ${tree}\n${database ?? SQLITE}`);
  for (const name of ["shared", "logs"]) fs.mkdirSync(path.join(tree, name), { recursive: true });
  const loaded = loadManifest({ filePath, env: {}, cwd: tree });
  return {
    loaded,
    manifest: loaded.manifest,
    paths: treePaths(tree),
    overrides: readOverrides({}),
    opsPath: "/ops",
    flags: ["--manifest", filePath],
  };
}

/** What an operation hands to a step. */
export const applying = (context: Context, operationId: string) => ({
  operationId,
  logPath: path.join(context.paths.logs, `${operationId}.log`),
  signal: undefined,
});

/** Answers the first column of a query. */
export function ask(file: string, ...queries: string[]): unknown[] {
  const database = new DatabaseSync(file);
  try {
    return queries.flatMap((query) =>
      database
        .prepare(query)
        .all()
        .map((row) => Object.values(row)[0]),
    );
  } finally {
    database.close();
  }
}

/** Everything that is in the table of a file, without a byte being written beside it. */
export function itemsOf(file: string): unknown[] {
  const folder = fs.mkdtempSync(path.join(path.dirname(path.dirname(file)), "look-"));
  const copy = path.join(folder, "db");
  for (const side of ["", "-wal"]) if (fs.existsSync(file + side)) fs.copyFileSync(file + side, copy + side);
  try {
    return ask(copy, "SELECT item FROM orders ORDER BY item");
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
