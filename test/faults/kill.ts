/**
 * SIGKILL in the middle of an operation: `ops/_bun test/faults/kill.ts [operation…] [--every N] [--moments N]`: at each mutating system
 * call (or every N-th of a kind), then at N random moments, while what it had started goes on for a while.
 * After each kill `current` names a complete release, the good one before it is there, and the same command succeeds.
 * strace counts `when=N` per thread.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import {
  type Application,
  currentId,
  currentProblem,
  injecting,
  makeApplication,
  must,
  ops,
  remove,
  run,
} from "./host.ts";
import { building } from "./scenarios/building.ts";
import { data } from "./scenarios/data.ts";
import { releases } from "./scenarios/releases.ts";
import { registry, type Scenario } from "./scenarios/scenario.ts";

const scenarios: Record<string, Scenario> = { ...releases, ...building, ...data };

const CALLS = [
  "rename",
  "renameat",
  "renameat2",
  "symlink",
  "symlinkat",
  "link",
  "linkat",
  "unlink",
  "unlinkat",
  "mkdir",
  "mkdirat",
  "rmdir",
  "fsync",
  "fdatasync",
  "ftruncate",
  "pwrite64",
  "write",
  "chmod",
  "fchmod",
  "fchmodat",
  "kill",
  "clone",
  "clone3",
  "vfork",
  "copy_file_range",
];

/** Good releases that a way back may lead to: what serves, and what served before it. */
function goodReleases(app: Application): string[] {
  const id = currentId(app);
  const [row] = registry(app, "SELECT previous_release_id AS before FROM releases WHERE release_id = ?", id);
  return [id, ...(typeof row?.["before"] === "string" ? [row["before"]] : [])].filter((one) => isComplete(app, one));
}

const isComplete = (app: Application, id: string) =>
  fs.existsSync(`${app.tree}/releases/${id}/RELEASE.json`) && !fs.existsSync(`${app.tree}/releases/${id}/.building`);

/** The registry holds what `current` names for what serves, and nothing for being at work. */
function registryProblem(app: Application): string | undefined {
  const id = currentId(app);
  const serving = registry(app, "SELECT release_id FROM releases WHERE status IN ('deployed', 'rolled_back')");
  if (serving.length !== 1 || serving[0]?.["release_id"] !== id)
    return `the registry holds ${JSON.stringify(serving)} for serving, and ${id} is current`;
  const open = registry(app, "SELECT id FROM operations WHERE finished_at IS NULL");
  return open.length > 0 ? `the registry holds ${JSON.stringify(open)} for being at work` : undefined;
}

/** What a fault was injected into answers whether it was killed. */
type Fault = (app: Application, scenario: Scenario, words: string[]) => boolean | Promise<boolean>;

const atCall =
  (call: string, when: number): Fault =>
  (app, { command }, words) => {
    const { signal, status } = run(app, command, words, injecting(call, "signal=KILL", when));
    return signal === "SIGKILL" || status === 137;
  };

/** Only the operation's own process dies: what it started (a build step, an install, a migration) outlives it. */
const atMoment =
  (after: number): Fault =>
  (app, { command }, words) =>
    new Promise((resolve) => {
      const child = spawn(ops(command), words, { cwd: app.path, stdio: "ignore" });
      const timer = setTimeout(() => child.kill("SIGKILL"), after);
      child.once("exit", (_, signal) => (clearTimeout(timer), resolve(signal === "SIGKILL")));
    });

async function hit(app: Application, scenario: Scenario, fault: Fault, where: string, round: number): Promise<boolean> {
  const words = scenario.prepare(app, round);
  const good = goodReleases(app);
  const wasKilled = await fault(app, scenario, words);
  const refuse = (what: string | undefined) => {
    if (what) throw new Error(`${scenario.command} killed ${where}, round ${round}: ${what}`);
  };
  const lost = () => good.find((id) => !isComplete(app, id));
  refuse(currentProblem(app) ?? (lost() && `${lost()} is gone`));
  if (scenario.recovered) {
    const recovery = run(app, "release/recover");
    refuse(recovery.status === 0 ? undefined : `recover: ${recovery.stdout}${recovery.stderr}`);
    const left = scenario.recovered(app, round) ?? (lost() && `${lost()} is gone`);
    refuse(left && `after recovery: ${left}\n${recovery.stdout}`);
  }
  const again = run(app, scenario.command, words);
  const isSettled = again.status === 0 || scenario.isDone?.test(again.stderr);
  refuse(isSettled ? undefined : `the same command then ended with ${again.status}\n${again.stdout}${again.stderr}`);
  const wrong = currentProblem(app) ?? registryProblem(app) ?? (await scenario.check(app, words, round));
  refuse(wrong && `after the same command: ${wrong}\n${again.stdout}${again.stderr}`);
  return wasKilled;
}

interface Choice {
  /** 0: no system call. */
  every: number;
  moments: number;
}

/** Kills at every `every`-th call of each kind until it no longer fires, then at moments; answers how often it fired. */
async function campaign(name: string, { every, moments }: Choice): Promise<number> {
  const scenario = scenarios[name] as Scenario;
  const app = await makeApplication();
  let fired = 0;
  let round = 0;
  try {
    must(app, "release/prepare_shared");
    for (const id of ["one", "two"]) must(app, "release/deploy", ["--id", id]);
    for (const call of every > 0 ? CALLS : [])
      for (let when = 1; await hit(app, scenario, atCall(call, when), `at ${call} ${when}`, ++round); when += every)
        fired++;
    const longest = moments > 0 ? await lengthOf(app, scenario, ++round) : 0;
    for (let i = 0; i < moments; i++) {
      const after = Math.random() * longest;
      if (await hit(app, scenario, atMoment(after), `after ${after.toFixed(0)} ms`, ++round)) fired++;
    }
  } finally {
    remove(app);
  }
  return fired;
}

/** How long the operation takes where nothing comes in between, in milliseconds. */
async function lengthOf(app: Application, scenario: Scenario, round: number): Promise<number> {
  const words = scenario.prepare(app, round);
  const began = performance.now();
  must(app, scenario.command, words);
  return performance.now() - began;
}

const words = process.argv.slice(2);
const numberOf = (option: string) => (words.includes(option) ? Number(words[words.indexOf(option) + 1]) : undefined);
const numbers = new Set(words.flatMap((word, index) => (word.startsWith("--") ? [index + 1] : [])));
const chosen = words.filter((word, index) => !word.startsWith("--") && !numbers.has(index));
const unknown = chosen.filter((name) => !Object.hasOwn(scenarios, name));
if (unknown.length > 0)
  throw new Error(`no scenario ${unknown.join(", ")}; there are ${Object.keys(scenarios).join(", ")}`);
const moments = numberOf("--moments") ?? 0;
const every = numberOf("--every") ?? (moments > 0 ? 0 : 1);
for (const name of chosen.length > 0 ? chosen : Object.keys(scenarios)) {
  const began = performance.now();
  const fired = await campaign(name, { every, moments });
  process.stdout.write(
    `${name}: killed ${fired} times, ${((performance.now() - began) / 1000).toFixed(0)} s, each time current was complete and the same command succeeded\n`,
  );
}
