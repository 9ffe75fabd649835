/**
 * Two to eight operations at once: `ops/_bun test/faults/contention.ts [--rounds N]`. Each does all of its work or is told who is at work
 * (exit 75); they come one after the other in the registry, and nothing of what succeeded is lost.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import { ask } from "../database/tree.ts";
import { answerOf, type Application, currentId, currentProblem, makeApplication, must, ops, remove } from "./host.ts";
import { backupProblem, makeDatabase } from "./scenarios/data.ts";
import { registryProblem } from "./scenarios/invariants.ts";
import { commit, registry, verifyProblem } from "./scenarios/scenario.ts";
import { numberOf } from "./scenarios/words.ts";

interface Outcome {
  name: string;
  words: string[];
  status: number | null;
  text: string;
}

function begin(app: Application, name: string, words: string[]): Promise<Outcome> {
  const child = spawn(ops(name), words, { cwd: app.path, stdio: ["ignore", "pipe", "pipe"] });
  const chunks: Buffer[] = [];
  for (const from of [child.stdout, child.stderr]) from.on("data", (chunk: Buffer) => void chunks.push(chunk));
  return new Promise((resolve) =>
    child.once("close", (status) => resolve({ name, words, status, text: Buffer.concat(chunks).toString() })),
  );
}

/** What eight people type at once; a rollback and a prune agree with each other whatever came first. */
const lines = (id: string): [name: string, words: string[]][] => [
  ["data/backup", []],
  ["release/deploy", ["--id", `deployed-${id}`]],
  ["release/prune", []],
  ["release/rollback", ["base"]],
  ["release/pin", ["base"]],
  ["release/deploy", ["--id", `again-${id}`]],
  ["data/backup", []],
  ["release/switch_current", ["other"]],
];

const TAKEN = /is current already|is deployed already/;

function outcomesProblem(all: Outcome[]): string | undefined {
  const odd = all.find(({ status, text }) => status !== 0 && status !== 75 && !TAKEN.test(text));
  if (odd) return `${odd.name} ${odd.words.join(" ")} ended with ${odd.status}: ${odd.text}`;
  const silent = all.find(({ status, text }) => status === 75 && !/pid \d+|is held/.test(text));
  if (silent) return `${silent.name} was not told who is at work: ${silent.text}`;
  return all.some(({ status }) => status === 0) ? undefined : "nobody won";
}

/** Operations have a strict order: one ends before the next begins. */
function orderProblem(app: Application): string | undefined {
  const rows = registry(app, "SELECT id, started_at, finished_at FROM operations ORDER BY started_at, rowid");
  const after = rows.findIndex((row, index) => {
    const before = rows[index - 1];
    return before && String(before["finished_at"]) > String(row["started_at"]);
  });
  return after < 0 ? undefined : `${JSON.stringify(rows[after])} began before ${JSON.stringify(rows[after - 1])} ended`;
}

function lostProblem(app: Application, all: Outcome[], backupsBefore: number): string | undefined {
  const done = all.filter(({ status }) => status === 0);
  for (const { name, words } of done)
    if (
      name === "release/deploy" &&
      !registry(app, "SELECT 1 FROM releases WHERE release_id = ?", words[1] ?? "").length
    )
      return `${words[1]} was deployed, and the registry does not know it`;
  const made = done.filter(({ name }) => name === "data/backup").length;
  const backups = fs.readdirSync(`${app.tree}/backups`).length;
  if (backups !== backupsBefore + made)
    return `${made} backups were made, and there are ${backups - backupsBefore} more`;
  const rows = ask(`${app.tree}/shared/data/app.db`, "SELECT item FROM orders").join(" ");
  return rows === "one" ? undefined : `the database holds ${rows}`;
}

async function round(app: Application, number: number): Promise<number> {
  commit(app, number);
  const backupsBefore = fs.readdirSync(`${app.tree}/backups`).length;
  const count = 2 + (number % 7);
  const turned = lines(String(number)).map(
    (_, index, all) => all[(index + number) % all.length] as (typeof all)[number],
  );
  const all = await Promise.all(turned.slice(0, count).map(([name, words]) => begin(app, name, words)));
  const id = currentId(app);
  const wrong =
    outcomesProblem(all) ??
    currentProblem(app) ??
    registryProblem(app) ??
    orderProblem(app) ??
    lostProblem(app, all, backupsBefore) ??
    backupProblem(app) ??
    verifyProblem(app, id) ??
    ((await answerOf(app)) === id ? undefined : `${id} is current and does not serve`);
  if (wrong) throw new Error(`round ${number}, ${count} at once: ${wrong}`);
  return all.filter(({ status }) => status === 75).length;
}

const rounds = numberOf("--rounds") ?? 50;
const app = await makeApplication("backups: { schedule: 0 3 * * *, keep: 9999 }\n");
let waited = 0;
try {
  must(app, "release/prepare_shared");
  makeDatabase(app);
  for (const id of ["base", "other"]) {
    must(app, "release/deploy", ["--id", id]);
    must(app, "release/pin", [id]);
  }
  must(app, "data/backup");
  for (let number = 1; number <= rounds; number++) waited += await round(app, number);
} finally {
  remove(app);
}
process.stdout.write(
  `${rounds} rounds of two to eight operations at once: ${waited} ended with 75, nothing was lost\n`,
);
