/**
 * `npm run bench [-- OPTIONS]`: how long switchback takes beside others, in one run: medians, warm caches, the ways in turn.
 * Options: --rows a,b; --runs N; --quick (small numbers: a test that all of it runs); --markdown (the README's table);
 * --repo DIR [--manifest FILE] (another repository; it is cloned). Exit 0 though an aim is missed; 1 when something did not run.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { whyNoHosts } from "../hosts/able.ts";
import { BrokenError, git, has, hearSignals, makePlace, type Place, removePlace, root } from "./place.ts";
import { FULL, makeRepository, QUICK } from "./repository.ts";
import type { Bench } from "./rows/bench.ts";
import { buildRow, lockfileRow, oneFileRow, unchangedRow } from "./rows/build.ts";
import { diskRow } from "./rows/disk.ts";
import { hostsRow } from "./rows/hosts.ts";
import { listRow } from "./rows/list.ts";
import { pruneRow } from "./rows/prune.ts";
import { switchRows } from "./rows/switch.ts";
import { renderMarkdown, renderRow, type Row } from "./table.ts";
import { BARE, OWN, readManifest } from "./ways/manifest.ts";
import { startSshd } from "./ways/sshd.ts";

const MEASURES: Record<string, (bench: Bench) => Promise<Row | Row[] | undefined>> = {
  build: buildRow,
  unchanged: unchangedRow,
  "one-file": oneFileRow,
  lockfile: lockfileRow,
  switch: switchRows,
  prune: pruneRow,
  list: listRow,
  disk: diskRow,
  hosts: hostsRow,
};
/** What another repository has no part in. */
const OF_ANY_TREE = new Set(["prune", "list", "hosts"]);

const { values: options } = parseArgs({
  options: {
    rows: { type: "string" },
    runs: { type: "string" },
    quick: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
    repo: { type: "string" },
    manifest: { type: "string" },
  },
});
const say = (text: string) => void (options.markdown ? process.stderr : process.stdout).write(`${text}\n`);

/** The rows that are asked for; a rollback is measured with the switch. */
function chosenRows(): string[] {
  const named = options.rows?.split(",").map((name) => (name === "rollback" ? "switch" : name));
  const unknown = named?.filter((name) => !(name in MEASURES)) ?? [];
  if (unknown.length > 0)
    throw new Error(`there is no row ${unknown.join(", ")}: ${Object.keys(MEASURES).join(", ")}, rollback`);
  return named ?? Object.keys(MEASURES).filter((name) => options.repo === undefined || !OF_ANY_TREE.has(name));
}

function fill(place: Place, size: Bench["size"]): Bench["manifest"] {
  if (options.repo === undefined) {
    makeRepository(place, size);
    return OWN;
  }
  git({ ...place, repo: place.path }, "clone", "--quiet", "--no-hardlinks", path.resolve(options.repo), place.repo);
  return options.manifest === undefined ? BARE : readManifest(options.manifest);
}

function facts({ place, hasCapistrano }: Bench): string[] {
  const first = (program: string, ...words: string[]) =>
    spawnSync(program, words, { encoding: "utf8", env: place.env }).stdout?.trim().split("\n")[0] ?? "";
  const [cpu] = os.cpus();
  const versions = [
    `Bun ${first(path.join(root, "ops/_bun"), "--version")}`,
    `Node ${first("node", "--version").replace("v", "")}`,
    `npm ${first("npm", "--version")}`,
    first("git", "--version"),
    ...(hasCapistrano ? [first("cap", "--version").replace(/ Version: ([\d.]+) .*/, " $1")] : []),
  ];
  const size = spawnSync("git", ["-C", place.repo, "ls-tree", "-rl", "HEAD"], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  }).stdout;
  const sizes = size
    .trim()
    .split("\n")
    .map((line) => Number(line.split(/\s+/)[3]) || 0);
  const bytes = sizes.reduce((sum, one) => sum + one, 0);
  return [
    `${os.cpus().length} × ${cpu?.model.trim() ?? os.arch()}, ${(os.totalmem() / 2 ** 30).toFixed(0)} GB, ${os.type()} ${os.release()}, ${fileSystem(place)}`,
    versions.join(", "),
    `the repository: ${sizes.length} files, ${(bytes / 1e6).toFixed(0)} MB; medians, warm caches, the ways in turn; in brackets: how many times switchback's`,
  ];
}

const fileSystem = (place: Place) =>
  spawnSync("df", ["--output=fstype", place.path], { encoding: "utf8" }).stdout.trim().split("\n").at(-1) ?? "";

async function main(place: Place): Promise<void> {
  const size = options.quick ? QUICK : FULL;
  const runs = Number(options.runs ?? (options.quick ? 1 : 5));
  if (!Number.isInteger(runs) || runs < 1) throw new Error("--runs is a whole number from 1 on");
  const names = chosenRows();
  const manifest = fill(place, size);
  const hasCapistrano = has("cap");
  const server = hasCapistrano ? await startSshd(place) : "there is no cap";
  const bench: Bench = {
    place,
    size,
    runs,
    manifest,
    hasCapistrano,
    isOwn: options.repo === undefined,
    server: typeof server === "string" ? undefined : server,
  };
  const noHosts = whyNoHosts();
  const notes = [
    ...facts(bench),
    ...(typeof server === "string" ? [`Capistrano over ssh was skipped: ${server}`] : []),
    ...(names.includes("hosts") && noHosts !== undefined ? [`deployments to hosts were skipped: ${noHosts}`] : []),
  ];
  say(notes.join("\n"));
  const rows: Row[] = [];
  try {
    for (const name of new Set(names)) rows.push(...(await measureRow(bench, name)));
  } finally {
    if (typeof server !== "string") await server.stop();
  }
  if (options.markdown) process.stdout.write(renderMarkdown(rows, notes));
}

async function measureRow(bench: Bench, name: string): Promise<Row[]> {
  try {
    const began = performance.now();
    const rows = [(await MEASURES[name]?.(bench)) ?? []].flat();
    for (const row of rows) say(renderRow(row));
    say(`  (${((performance.now() - began) / 1000).toFixed(1)} s)`);
    return rows;
  } catch (error) {
    // A signal for the whole group ended the command as well: it is heard before anything is said of it.
    await hearSignals();
    if (!(error instanceof BrokenError)) throw error;
    process.stderr.write(`\n${name}: ${error.message}\n`);
    process.exitCode = 1;
    return [];
  }
}

const place = makePlace(options.quick);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    removePlace(place);
    process.exit(130);
  });
try {
  await main(place);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  process.chdir(os.tmpdir());
  if (fs.existsSync(place.path)) removePlace(place);
}
