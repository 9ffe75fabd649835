/**
 * All tiers of `npm test`, or those that are named: `ops/_bun test/run.ts [check] [unit] [ops] [hosts] [faults]`.
 * Ends with what ran in each tier, why something was skipped, and one line that counts it all. `SWITCHBACK_REQUIRE=hosts`
 * (several: with commas) makes it a failure that something of a tier was skipped.
 */
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { whyNoHosts } from "./hosts/able.ts";
import { clearOrphans } from "./hosts/lab.ts";

interface Tally {
  passed: number;
  failed: number;
  skipped: string[];
}

const root = path.resolve(import.meta.dirname, "..");
const bun = path.join(root, "ops/_bun");
const bin = (name: string) => path.join(root, "node_modules/.bin", name);
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "switchback-test-"));
const say = (line: string) => process.stdout.write(`${line}\n`);

const CHECKS: [title: string, words: string[]][] = [
  ["types", [bin("tsc"), "--noEmit"]],
  ["lint", [bin("oxlint"), "--type-aware", "--quiet"]],
  ["format", [bin("oxfmt"), "--check"]],
  ["unused code", [bin("knip")]],
  ["JSON Schema is current", [bun, "scripts/manifest/json_schema.ts", "--check"]],
  ["command pages are current", [bun, "scripts/host/command_pages.ts", "--check"]],
  ["shellcheck", ["shellcheck", "ops/_bun", ".ci/run", ...bashFiles("test/ops"), ...bashFiles("test/hosts")]],
];

function bashFiles(folder: string): string[] {
  return fs
    .readdirSync(path.join(root, folder))
    .flatMap((name) => (name.endsWith(".bash") ? [path.join(folder, name)] : []));
}

function check(): Tally {
  const tally: Tally = { passed: 0, failed: 0, skipped: [] };
  for (const [title, [program = "", ...words]] of CHECKS) {
    const { status, error, stdout, stderr } = spawnSync(program, words, { cwd: root, encoding: "utf8" });
    if (error && "code" in error && error.code === "ENOENT")
      tally.skipped.push(`${title}: ${program} is not installed`);
    else if (status === 0) tally.passed++;
    else tally.failed++;
    say(`${error ? "skip" : status === 0 ? "ok  " : "FAIL"}  ${title}`);
    if (!error && status !== 0) say(`${stdout}${stderr}`);
  }
  return tally;
}

interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numFailedTestSuites: number;
  testResults: { assertionResults: { status: string; fullName: string }[] }[];
}

const unit = () => vitest("unit", "test/vitest.config.ts");

/** Throw-away hosts with a systemd of their own. */
async function hosts(): Promise<Tally> {
  const why = whyNoHosts();
  if (why !== undefined) return { passed: 0, failed: 0, skipped: [`hosts: ${why}`] };
  const tally = await vitest("hosts", "test/hosts/vitest.config.ts");
  clearOrphans();
  return tally;
}

async function vitest(tier: string, config: string): Promise<Tally> {
  const report = path.join(scratch, `${tier}.json`);
  const program = path.join(root, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  await stream(bun, ["--bun", program, "run", "--config", config, ...reporters]);
  if (!fs.existsSync(report)) return { passed: 0, failed: 1, skipped: [] };
  const { numPassedTests, numFailedTests, numFailedTestSuites, testResults } = JSON.parse(
    fs.readFileSync(report, "utf8"),
  ) as VitestReport;
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const skipped = all
    .filter(({ status }) => status === "skipped" || status === "pending")
    .map(({ fullName }) => fullName);
  return { passed: numPassedTests, failed: Math.max(numFailedTests, Math.min(1, numFailedTestSuites)), skipped };
}

/** The bats files, two at a time and the largest first, so that none is left to run alone: each has its own trees and ports. */
async function bats(): Promise<Tally> {
  const folder = path.join(root, "test/ops");
  const sizeOf = (name: string) => fs.statSync(path.join(folder, name)).size;
  const waiting = fs
    .readdirSync(folder)
    .filter((name) => name.endsWith(".bats"))
    .toSorted((a, b) => sizeOf(b) - sizeOf(a));
  const tally: Tally = { passed: 0, failed: 0, skipped: [] };
  const work = async () => {
    for (let name = waiting.shift(); name; name = waiting.shift()) add(tally, await batsFile(path.join(folder, name)));
  };
  await Promise.all([work(), work()]);
  return tally;
}

async function batsFile(file: string): Promise<Tally> {
  const name = path.basename(file);
  const began = performance.now();
  const { output, status } = await collect(path.join(root, "node_modules/bats/bin/bats"), ["--formatter", "tap", file]);
  const lines = output.split("\n");
  const skipped = lines
    .filter((line) => /^ok .* # skip/i.test(line))
    .map((line) => `${name}: ${line.replace(/^ok \d+ /, "")}`);
  const failed = lines.filter((line) => line.startsWith("not ok ")).length;
  const passed = lines.filter((line) => line.startsWith("ok ")).length - skipped.length;
  say(
    `${failed > 0 || status !== 0 ? "FAIL" : "ok  "}  ${name}: ${passed} passed, ${failed} failed (${((performance.now() - began) / 1000).toFixed(1)} s)`,
  );
  if (failed > 0 || status !== 0) say(output);
  return { passed, failed: failed === 0 && status !== 0 ? 1 : failed, skipped };
}

/** A sample of the fault campaigns; `npm run faults` is the whole of them. */
async function faults(): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: 0, skipped: [] };
  if (spawnSync("strace", ["-V"]).error) return { ...tally, skipped: ["faults: strace is not installed"] };
  add(tally, await campaign("kill.ts", ["switch", "--every", "19"]));
  add(tally, await campaign("kill.ts", ["dependencies", "restore-data", "--moments", "4"]));
  add(tally, await campaign("contention.ts", ["--rounds", "5"]));
  const why = whyNoHosts();
  if (why !== undefined) tally.skipped.push(`faults/hosts.ts: ${why}`);
  else add(tally, await campaign("hosts.ts", ["session-killed", "controller-KILL", "controller-HUP", "--rounds", "1"]));
  if (process.getuid?.() !== 0) {
    tally.skipped.push("faults/disk.ts and faults/power.ts: only root may mount a file system of their own");
    return tally;
  }
  add(tally, await campaign("disk.ts", []));
  if (spawnSync("xfs_io", ["-V"]).error) tally.skipped.push("faults/power.ts: xfs_io is not installed");
  else add(tally, await campaign("power.ts", ["5"]));
  return tally;
}

async function campaign(name: string, words: string[]): Promise<Tally> {
  const { status, output } = await collect(bun, [`test/faults/${name}`, ...words]);
  say(output.trimEnd());
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: [] };
}

function add(to: Tally, more: Tally): void {
  to.passed += more.passed;
  to.failed += more.failed;
  to.skipped.push(...more.skipped);
}

function stream(program: string, words: string[]): Promise<void> {
  const child = spawn(program, words, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((resolve) => child.once("close", () => resolve()));
}

function collect(program: string, words: string[]): Promise<{ status: number | null; output: string }> {
  const child = spawn(program, words, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const chunks: Buffer[] = [];
  for (const from of [child.stdout, child.stderr]) from.on("data", (chunk: Buffer) => void chunks.push(chunk));
  return new Promise((resolve) =>
    child.once("close", (status) => resolve({ status, output: Buffer.concat(chunks).toString() })),
  );
}

type Tiers = Record<string, () => Tally | Promise<Tally>>;

/** One turn after the other, the tiers of a turn side by side: the fault campaigns mostly wait. */
const TURNS: Tiers[] = [{ check }, { unit }, { ops: bats, faults }, { hosts }];
const TIERS = TURNS.flatMap((turn) => Object.keys(turn));

const named = process.argv.slice(2);
const unknown = named.filter((name) => !TIERS.includes(name));
if (unknown.length > 0) throw new Error(`there is no tier ${unknown.join(", ")}; there are ${TIERS.join(", ")}`);
const required = (process.env["SWITCHBACK_REQUIRE"] ?? "").split(",");
const total: Tally = { passed: 0, failed: 0, skipped: [] };
const summary: string[] = [];
for (const turn of TURNS) {
  const tiers = Object.entries(turn).filter(([name]) => named.length === 0 || named.includes(name));
  if (tiers.length > 0) say(`\n== ${tiers.map(([name]) => name).join(", ")}`);
  await Promise.all(tiers.map(runTier));
}
fs.rmSync(scratch, { recursive: true, force: true });
say(`\n${summary.join("\n")}`);
for (const line of total.skipped) say(`skipped: ${line}`);
say(`${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;

async function runTier([name, run]: [string, Tiers[string]]): Promise<void> {
  const began = performance.now();
  const tally = await run();
  if (required.includes(name) && tally.skipped.length > 0) tally.failed++;
  add(total, tally);
  const took = ((performance.now() - began) / 1000).toFixed(0);
  summary.push(`${name}: ${tally.passed} passed, ${tally.failed} failed, ${tally.skipped.length} skipped (${took} s)`);
}
