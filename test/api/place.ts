import fs from "node:fs";
import net from "node:net";
import type { DatabaseSync } from "node:sqlite";
import path from "node:path";
import { onTestFinished } from "vitest";
import type { Access } from "../../scripts/api/guard.ts";
import { type Limits, LIMITS } from "../../scripts/api/limits.ts";
import { type ApiChoice, createApi } from "../../scripts/api/serve.ts";
import { serveApp } from "../../scripts/api/server.ts";
import { type Paths, treePaths } from "../../scripts/core/paths.ts";
import type { ReleaseStatus } from "../../scripts/core/step.ts";
import { openDatabase } from "../../scripts/registry/database.ts";
import { type Upsert, upsertRow } from "../../scripts/registry/releases.ts";
import { makePlace } from "../core/places.ts";

/** A tree without a registry. */
export function makeTree(): Paths {
  const paths = treePaths(path.join(makePlace(), "tree"));
  for (const folder of [paths.releases, paths.logs]) fs.mkdirSync(folder, { recursive: true });
  return paths;
}

/** The registry of a tree, open as a command has it that writes. */
export function openRegistry({ registry }: Paths): DatabaseSync {
  const database = openDatabase(registry);
  onTestFinished(() => {
    if (database.isOpen) database.close();
  });
  return database;
}

export const put = (database: DatabaseSync, releaseId: string, status: ReleaseStatus, more: Partial<Upsert> = {}) =>
  upsertRow(database, { releaseId, sha: `sha-of-${releaseId}`, status, ...more });

/** A row of `operations`; `finished_at` null: it has no end. */
export function putOperation(database: DatabaseSync, row: Record<string, string | number | null>): void {
  const whole = {
    kind: "deploy",
    arguments: "[]",
    pid: 1,
    host: "elsewhere",
    user: "ann",
    started_at: "2026-11-20T22:15:30.000Z",
    finished_at: "2026-11-20T22:15:42.500Z",
    outcome: "done",
    exit_code: 0,
    ...row,
  };
  const keys = Object.keys(whole);
  database
    .prepare(`INSERT INTO operations (${keys.join(", ")}) VALUES (${keys.map((key) => `$${key}`).join(", ")})`)
    .run(Object.fromEntries(Object.entries(whole).map(([key, value]) => [`$${key}`, value])));
}

/** The API of a tree, listening on a port of its own until the test ends. */
export async function startApi(
  paths: Paths,
  access: Partial<Access> = {},
  limits: Partial<Limits> = {},
  choice: ApiChoice = { name: "demo" },
) {
  const { app, requests, end } = await createApi(paths, choice);
  const serving = await serveApp({
    app,
    requests,
    access: { hosts: new Set(), hasEveryAddress: false, ...access },
    address: "127.0.0.1",
    port: 0,
    limits: { ...LIMITS, ...limits },
  });
  let hasEnded = false;
  const stop = async () => {
    if (hasEnded) return;
    hasEnded = true;
    await serving.end();
    end();
  };
  onTestFinished(stop);
  const { port } = serving;
  return {
    port,
    stop,
    get: (address: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${address}`, init),
    json: async (address: string): Promise<unknown> => (await fetch(`http://127.0.0.1:${port}${address}`)).json(),
    /** What is answered to these bytes until the connection is closed, and after how many ms that was. */
    raw: (...parts: Part[]) => converse(port, parts),
  };
}

type Part = string | Buffer | { wait: number };

export interface Answered {
  text: string;
  status: number;
  body: string;
  ms: number;
}

async function converse(port: number, parts: Part[]): Promise<Answered> {
  const began = performance.now();
  const socket = net.connect(port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => void chunks.push(chunk)).on("error", () => {});
  const closed = new Promise<void>((resolve) => void socket.once("close", () => resolve()));
  const late = setTimeout(() => socket.destroy(), 20_000);
  for (const part of parts) {
    if (socket.destroyed) break;
    if (typeof part === "object" && "wait" in part) await new Promise((resolve) => setTimeout(resolve, part.wait));
    else if (socket.writable) socket.write(part);
  }
  await closed;
  clearTimeout(late);
  const text = Buffer.concat(chunks).toString();
  const [, status = "0"] = /^HTTP\/1\.1 (\d{3})/.exec(text) ?? [];
  const body = text.slice(text.indexOf("\r\n\r\n") + 4);
  return { text, status: Number(status), body, ms: performance.now() - began };
}
