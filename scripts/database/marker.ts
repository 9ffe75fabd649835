import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { readReleaseJson, rewriteReleaseJson } from "../build/release-json.ts";
import type { Context } from "../core/context.ts";
import { FailedError, InterruptedError } from "../core/errors.ts";
import { releasePath } from "../core/paths.ts";
import { reporter } from "../terminal/reporter.ts";
import { OPERATION_MARK } from "../core/operation-mark.ts";
import type { ApplyContext } from "../core/steps/kind.ts";
import { setMarker } from "../registry/releases.ts";
import { databaseFile } from "./backups.ts";
import { migrationEnvironment } from "./migration-environment.ts";

const LONGEST = 200;
const OF_THE_CODE = /(?<=\S)( \((head|effective head|branchpoint|mergepoint)\))+$/;

/**
 * The schema revision of the data as it is now: what `migrate.marker` prints last, else for SQLite the sum of its schema.
 * Null where nothing tells it. @throws FailedError when `migrate.marker` fails
 */
export async function readMarker(context: Context, releaseId: string, apply: ApplyContext): Promise<string | null> {
  const { migrate, database } = context.manifest;
  if (migrate?.marker) return markerOf(await printed(context, releaseId, apply));
  return database?.sqlite === undefined ? null : schemaMarker(databaseFile(context.paths, database.sqlite));
}

/** The same, and null too where `migrate.marker` fails: before a first migration, there may be nothing that could tell. */
export async function knownMarker(context: Context, releaseId: string, apply: ApplyContext): Promise<string | null> {
  try {
    return await readMarker(context, releaseId, apply);
  } catch (error) {
    if (!(error instanceof FailedError)) throw error;
    reporter().detail(`${error.message}: the data has no marker that is known`);
    return null;
  }
}

/**
 * The last line that is not empty, as far as it can be printed. Without what alembic adds of the code that asks: `ae10 (head)` for one
 * release is `ae10` for the next, and the data is the same.
 */
export function markerOf(text: string): string | null {
  const last = text
    .split("\n")
    .map((line) => line.replaceAll(/[^\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]/gu, "").trim())
    .findLast((line) => line !== "");
  return last === undefined ? null : last.replace(OF_THE_CODE, "").slice(0, LONGEST);
}

async function printed(context: Context, releaseId: string, apply: ApplyContext): Promise<string> {
  const { migrate } = context.manifest;
  const cwd = path.join(releasePath(context.paths, releaseId), migrate?.dir ?? ".");
  const env = {
    ...process.env,
    ...migrationEnvironment(context, releaseId),
    [OPERATION_MARK]: apply.operationId,
  };
  const log = fs.openSync(apply.logPath, "a", 0o600);
  try {
    const child = spawn("bash", ["-euo", "pipefail", "-c", (migrate?.marker ?? []).join("\n")], {
      cwd,
      env,
      stdio: ["ignore", "pipe", log],
      ...(apply.signal ? { signal: apply.signal } : {}),
    });
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (part: string) => (text += part));
    const code = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
    if (code !== 0) throw new FailedError(`migrate.marker: exit code ${code}`, { output: text.trimEnd().split("\n") });
    return text;
  } catch (error) {
    if (apply.signal?.aborted) throw new InterruptedError("migrate.marker: interrupted", { cause: error });
    throw error;
  } finally {
    fs.closeSync(log);
  }
}

/** `schema-<12 hex>.<user_version>` of an SQLite file; null where there is none. */
export async function schemaMarker(file: string): Promise<string | null> {
  if (!fs.existsSync(file)) return null;
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(file);
  try {
    const rows = database.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").all();
    const { user_version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
    const sum = createHash("sha256")
      .update(JSON.stringify(rows.map((row) => Object.values(row))))
      .digest("hex");
    return `schema-${sum.slice(0, 12)}.${user_version}`;
  } finally {
    database.close();
  }
}

/** Keeps the marker with a release: in its row, and in the RELEASE.json of one that was sealed here. */
export function recordMarker(context: Context, registry: DatabaseSync | undefined, id: string, marker: string): void {
  if (registry && !context.overrides.isRegistrySkipped) setMarker(registry, id, marker);
  const directory = releasePath(context.paths, id);
  const release = readReleaseJson(directory);
  if (!release || !("tree_sha256" in release) || release["migration_marker"] === marker) return;
  rewriteReleaseJson(directory, { ...release, migration_marker: marker });
}
