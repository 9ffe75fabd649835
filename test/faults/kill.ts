/**
 * SIGKILL in the middle of an operation: `ops/_bun test/faults/kill.ts [operation…] [--every N] [--moments N]`: at each mutating system
 * call (or every N-th of a kind), then at N random moments, while what it had started goes on for a while.
 * After each kill `current` names a complete release, the good one before it is there, and the same command succeeds.
 * strace counts `when=N` per thread.
 */
import { spawn } from "node:child_process";
import { type Application, currentProblem, injecting, makeApplication, must, ops, remove, run } from "./host.ts";
import { goodReleases, lostOf, registryProblem } from "./scenarios/invariants.ts";
import { chosenIn, numberOf } from "./scenarios/words.ts";
import { type Scenario, scenarios } from "./scenarios/all.ts";

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
  refuse(currentProblem(app) ?? lostOf(app, good));
  if (scenario.recovered) {
    const recovery = run(app, "release/recover");
    refuse(recovery.status === 0 ? undefined : `recover: ${recovery.stdout}${recovery.stderr}`);
    const left = scenario.recovered(app, round) ?? lostOf(app, good);
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

const moments = numberOf("--moments") ?? 0;
const every = numberOf("--every") ?? (moments > 0 ? 0 : 1);
for (const name of chosenIn(scenarios)) {
  const began = performance.now();
  const fired = await campaign(name, { every, moments });
  process.stdout.write(
    `${name}: killed ${fired} times, ${((performance.now() - began) / 1000).toFixed(0)} s, each time current was complete and the same command succeeded\n`,
  );
}
