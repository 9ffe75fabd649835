/**
 * System calls that fail in the middle of an operation: `ops/_bun test/faults/errors.ts [operation…] [--every N]`. Needs strace.
 * A disk that is full for a moment (ENOSPC), and one that reports errors (EIO): the operation ends with 0, 1 or 3, what is current
 * serves, the data is as it was or as it should be, and the same command then succeeds.
 */
import {
  answerOf,
  type Application,
  currentId,
  currentProblem,
  injecting,
  makeApplication,
  must,
  remove,
  run,
} from "./host.ts";
import { type Scenario, scenarios } from "./scenarios/all.ts";
import { goodReleases, lostOf, registryProblem } from "./scenarios/invariants.ts";
import { chosenIn, numberOf } from "./scenarios/words.ts";

const CALLS = [
  ["fsync", "EIO"],
  ["fdatasync", "EIO"],
  ["write", "ENOSPC"],
  ["pwrite64", "ENOSPC"],
  ["rename", "EIO"],
  ["link", "ENOSPC"],
  ["symlink", "ENOSPC"],
  ["mkdir", "ENOSPC"],
  ["copy_file_range", "ENOSPC"],
  ["ftruncate", "EIO"],
] as const;

/** Every call of a kind is looked at up to this one. */
const MOST = 120;

async function meet(app: Application, scenario: Scenario, call: string, what: string, when: number, round: number) {
  const words = scenario.prepare(app, round);
  const good = goodReleases(app);
  const { status, stdout, stderr } = run(app, scenario.command, words, injecting(call, `error=${what}`, when));
  const refuse = (problem: string | undefined) => {
    if (problem)
      throw new Error(
        `${scenario.command}: ${call} ${when} answered ${what}, round ${round}: ${problem}\n${stdout}${stderr}`,
      );
  };
  const isKnown = status === 0 || status === 1 || status === 3;
  refuse(isKnown ? undefined : `exit ${status}`);
  refuse(currentProblem(app) ?? lostOf(app, good));
  refuse((await answerOf(app)) === currentId(app) ? undefined : "what is current does not serve");
  // A deploy stands when the prune at its end fails.
  const hasSwitched = scenario.command === "release/deploy" && / is current/.test(stdout);
  if (status !== 0 && !hasSwitched)
    refuse(currentId(app) === good[0] ? undefined : "it failed, and another release is current");
  if (scenario.recovered) refuse(scenario.recovered(app, round));
  const again = run(app, scenario.command, words);
  const isSettled = again.status === 0 || scenario.isDone?.test(again.stderr);
  refuse(isSettled ? undefined : `the same command then ended with ${again.status}\n${again.stdout}${again.stderr}`);
  refuse(currentProblem(app) ?? registryProblem(app) ?? (await scenario.check(app, words, round)));
  return status !== 0;
}

async function campaign(name: string, every: number): Promise<{ tried: number; failed: number }> {
  const scenario = scenarios[name] as Scenario;
  const app = await makeApplication();
  const count = { tried: 0, failed: 0 };
  try {
    must(app, "release/prepare_shared");
    for (const id of ["one", "two"]) must(app, "release/deploy", ["--id", id]);
    for (const [call, what] of CALLS)
      for (let when = 1, quiet = 0; when <= MOST && quiet < 3; when += every) {
        const hasFailed = await meet(app, scenario, call, what, when, ++count.tried);
        quiet = hasFailed ? 0 : quiet + 1;
        if (hasFailed) count.failed++;
      }
  } finally {
    remove(app);
  }
  return count;
}

for (const name of chosenIn(scenarios)) {
  const began = performance.now();
  const { tried, failed } = await campaign(name, numberOf("--every") ?? 1);
  process.stdout.write(
    `${name}: ${tried} system calls failed, ${failed} operations with them, ${((performance.now() - began) / 1000).toFixed(0)} s, each time what is current served and the same command succeeded\n`,
  );
}
