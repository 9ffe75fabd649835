/** A tree with a past: rows as the suite's own functions write them, at times that lie back. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { type Paths, treePaths } from "../../scripts/core/paths.ts";
import type { ReleaseStatus } from "../../scripts/core/step.ts";
import { openDatabase } from "../../scripts/registry/database.ts";
import { compactStamp, setPinned, upsertRow } from "../../scripts/registry/releases.ts";

export interface Story {
  paths: Paths;
  database: DatabaseSync;
  end(): void;
}

export function beginStory(): Story {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-page-"));
  const paths = treePaths(path.join(root, "shop"));
  for (const folder of [paths.releases, paths.logs]) fs.mkdirSync(folder, { recursive: true });
  const database = openDatabase(paths.registry);
  // Rows of a test need to survive no power cut.
  database.exec("PRAGMA synchronous = OFF");
  return {
    paths,
    database,
    end() {
      database.close();
      fs.rmSync(root, { recursive: true, force: true });
    },
  };
}

export interface Told {
  kind: string;
  releaseId?: string;
  previousId?: string;
  at: Date;
  ms?: number;
  /** Null: at work, by this very process. */
  outcome: string | null;
  message?: string;
  words?: unknown;
  id?: string;
  user?: string;
}

const EXITS: Record<string, number> = { done: 0, failed: 1, refused: 2, restored: 3, stranded: 4, interrupted: 130 };

/** One operation; answers with its id. */
export function tellOperation({ database, paths }: Story, told: Told): string {
  const { kind, releaseId, previousId, at, ms = 0, outcome, message, words = {}, user = "deploy" } = told;
  const id =
    told.id ??
    `${compactStamp(at)}-${kind}-${Math.floor(at.getTime() % 65_536)
      .toString(16)
      .padStart(4, "0")}`;
  database
    .prepare(
      `INSERT INTO operations (id, kind, release_id, previous_release_id, arguments, pid, host, user, started_at, finished_at, outcome, exit_code, message)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      id,
      kind,
      releaseId ?? null,
      previousId ?? null,
      JSON.stringify([JSON.stringify(words)]),
      process.pid,
      os.hostname(),
      user,
      at.toISOString(),
      outcome === null ? null : new Date(at.getTime() + ms).toISOString(),
      outcome,
      outcome === null ? null : (EXITS[outcome] ?? 1),
      message ?? null,
    );
  fs.writeFileSync(path.join(paths.logs, `${id}.log`), "");
  return id;
}

/** Ends an operation that was at work. */
export function endOperation({ database }: Story, id: string, outcome: string, message: string): void {
  database
    .prepare("UPDATE operations SET finished_at = ?, outcome = ?, exit_code = ?, message = ? WHERE id = ?")
    .run(new Date().toISOString(), outcome, EXITS[outcome] ?? 1, message, id);
}

type ToldStep = [key: string, title: string, ms: number, outcome?: string];

/** Steps of an operation, one after the other from a moment on; their lines go into its log as well. */
export function tellSteps({ database, paths }: Story, id: string, from: Date, steps: ToldStep[]): void {
  const { seq } = database.prepare("SELECT coalesce(max(seq), 0) AS seq FROM steps WHERE operation_id = ?").get(id) as {
    seq: number;
  };
  let at = from.getTime();
  steps.forEach(([key, title, ms, outcome = "done"], i) => {
    const began = new Date(at).toISOString();
    database
      .prepare(
        "INSERT INTO steps (operation_id, seq, key, title, started_at, duration_ms, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)",
      )
      .run(id, seq + 1 + i, key, title, began, ms, outcome);
    at += ms;
    const mark = outcome === "failed" ? "✗" : "✓";
    tellLog(
      { paths },
      id,
      `${new Date(at).toISOString().slice(11, 19)} ${mark} ${title} (${(ms / 1000).toFixed(2)} s)\n`,
    );
  });
}

export const tellLog = ({ paths }: Pick<Story, "paths">, id: string, text: string) =>
  fs.appendFileSync(path.join(paths.logs, `${id}.log`), text);

export interface ToldRelease {
  id: string;
  sha: string;
  /** In the order in which they came about: `["building", "deployed"]`. */
  statuses: ReleaseStatus[];
  at: Date;
  bytes?: number;
  ownBytes?: number;
  isPinned?: boolean;
  marker?: string;
}

/** One release, by the registry's own functions. */
export function tellRelease({ database, paths }: Story, told: ToldRelease): void {
  const { id, sha, statuses, at, bytes, ownBytes, marker } = told;
  for (const status of statuses) upsertRow(database, { releaseId: id, sha, status, bytes, ownBytes, marker }, at);
  if (told.isPinned) setPinned(database, id, true);
  fs.mkdirSync(path.join(paths.releases, id), { recursive: true });
}

/** Points `current` at a release, at a moment. */
export function pointCurrent({ paths }: Story, id: string, at: Date): void {
  fs.rmSync(paths.current, { force: true });
  fs.symlinkSync(`releases/${id}`, paths.current);
  fs.lutimesSync(paths.current, at, at);
}

/** How a deploy goes: key, title, share of its time. */
const DEPLOY: [key: string, title: string, share: number][] = [
  ["mkdir", "Make the tree's folders", 0],
  ["record", "Record ID as building", 0],
  ["write", "Mark it as unfinished", 0],
  ["source", "Copy SHA, sharing what the last release has", 0.05],
  ["link", "Link .env to shared/.env", 0],
  ["link", "Link data to shared/data", 0],
  ["dependencies:venv", "Bring in the dependencies venv", 0.02],
  ["build:web", "Build web (1 of 2)", 0.48],
  ["build:api", "Build api (2 of 2)", 0.17],
  ["seal", "Make ID durable and complete", 0.04],
  ["record", "Record ID as built", 0],
  ["backup", "Back up the database", 0.05],
  ["migrate", "Migrate the database", 0.03],
  ["record", "Record ID as deploying", 0],
  ["link", "Point current at ID", 0],
  ["service/restart", "Restart api, web and worker", 0.06],
  ["gate", "Wait until ID is healthy", 0.1],
  ["write", "Keep the manifest with which ID runs", 0],
  ["record", "Record ID as deployed", 0],
];

const deploySteps = (id: string, ms: number): ToldStep[] =>
  DEPLOY.map(([key, title, share]) => [key, title.replace("ID", id).replace("SHA", id.slice(-7)), share * ms + 0.8]);

const DAY = 86_400_000;

/** Months of a shop: deploys that went well, one that failed its gate, a broken build, a rollback, a refusal. */
export function tellShop(story: Story, now: Date, count = 64): string {
  let good: string | undefined;
  for (let i = 0; i < count; i++) {
    const back = (count - i) ** 1.25 * 0.6 * DAY - 0.4 * DAY;
    const at = new Date(now.getTime() - back - ((i * 7_919_000) % (DAY / 3)));
    const sha = (0x9e3779b1 * (i + 3)).toString(16).padEnd(40, "4c1d").slice(0, 40);
    const id = `${compactStamp(at)}-${sha.slice(0, 7)}`;
    const ms = 9000 + ((i * 2711) % 23_000);
    const from = count - i;
    const bytes = 41_000_000 + i * 260_000;
    const ownBytes = 120_000 + ((i * 977_000) % 5_400_000);
    const release = { id, sha, at, bytes, ownBytes, isPinned: from === 12, marker: `00${30 + Math.floor(i / 9)}` };
    const operation = {
      kind: "deploy",
      releaseId: id,
      at,
      words: { ref: "main", isCached: true },
      ...(good ? { previousId: good } : {}),
    };
    if (from === 4) {
      tellRelease(story, { ...release, statuses: ["building", "deploying", "deploy_failed"] });
      const message = `not healthy within 30 s (298 attempts, 0 passed): GET http://127.0.0.1:8080/health → 503 Service Unavailable in 2 ms; rolled back: ${good} is restored and healthy`;
      const op = tellOperation(story, { ...operation, ms: 41_000, outcome: "restored", message });
      const steps = deploySteps(id, 10_000).slice(0, 16);
      tellSteps(story, op, at, [
        ...steps,
        ["gate", `Wait until ${id} is healthy`, 30_000, "failed"],
        ["link", `Point current at ${good}`, 1],
        ["service/restart", "Restart api, web and worker", 400],
        ["gate", `Wait until ${good} is healthy`, 300],
      ]);
    } else if (from === 9) {
      tellRelease(story, { ...release, statuses: ["building", "build_failed"] });
      const op = tellOperation(story, {
        ...operation,
        ms: 5200,
        outcome: "failed",
        message: "Build web (1 of 2): npm run build ended with exit code 1",
      });
      tellSteps(story, op, at, [
        ...deploySteps(id, 3000).slice(0, 7),
        ["build:web", "Build web (1 of 2)", 4400, "failed"],
      ]);
      tellLog(story, op, "src/app.tsx(41,7): error TS2322: Type 'string' is not assignable to type 'number'.\n");
    } else {
      tellRelease(story, { ...release, statuses: ["building", "deployed"] });
      const op = tellOperation(story, {
        ...operation,
        ms,
        outcome: "done",
        message: `${id} is built.\n${id} is current${good ? `; it was ${good}` : ""}.`,
      });
      if (from < 30) tellSteps(story, op, at, deploySteps(id, ms - 40));
      if (from === 7 && good) {
        const then = new Date(at.getTime() + 1_800_000);
        upsertRow(story.database, { releaseId: good, sha: "", status: "rolled_back" }, then);
        tellOperation(story, {
          kind: "rollback",
          releaseId: good,
          previousId: id,
          at: then,
          ms: 820,
          outcome: "done",
          message: `${good} is current; it was ${id}.`,
          user: "ana",
        });
        continue;
      }
      good = id;
      pointCurrent(story, id, new Date(at.getTime() + ms));
    }
    if (from === 3)
      tellOperation(story, {
        kind: "prune",
        at: new Date(at.getTime() + DAY / 5),
        ms: 310,
        outcome: "done",
        message: "Nothing to remove.",
        words: {},
      });
  }
  return good ?? "";
}
