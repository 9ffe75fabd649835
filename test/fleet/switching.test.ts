import { describe, expect, test } from "vitest";
import { sizeOfBatch, inBatches, atOnce } from "../../scripts/fleet/batches.ts";
import type { Ending } from "../../scripts/fleet/ending.ts";
import { worstOf } from "../../scripts/fleet/ending.ts";
import { switchHosts } from "../../scripts/fleet/switching.ts";
import { jsonOf, renderOutcomes, verdictOf } from "../../scripts/fleet/verdict.ts";
import { type Given, hostsCalled, recorder } from "./recorder.ts";

/** `web1 web2/1`: what each host has before, `-` for nothing; how each command ends; hosts at a time. */
async function run(hosts: Record<string, string>, ends: Record<string, Given>, { size = 1, stopAfter = 0 } = {}) {
  const all = hostsCalled(...Object.keys(hosts));
  const fleet = recorder(ends, stopAfter);
  const targets = all.map((host) => ({ host, previous: hosts[host.name] === "-" ? undefined : hosts[host.name] }));
  const outcomes = await switchHosts(fleet, {
    targets,
    command: "release/switch_current",
    words: ["r2"],
    size,
  });
  const verdict = verdictOf(outcomes, {
    id: "r2",
    isInterrupted: fleet.isInterrupted(),
    titleOf: fleet.titleOf,
    type: (command, words, host) => [command, ...words, "--on", host.name].join(" "),
  });
  return {
    given: fleet.given,
    is: Object.fromEntries(outcomes.map(({ host, outcome }) => [host.name, outcome])),
    exit: verdict.exit,
    next: verdict.next,
    error: verdict.error,
    outcomes,
    verdict,
  };
}

const TWO = { web1: "r1", web2: "r1" };
const FOUR = { web1: "r1", web2: "r1", web3: "r0", web4: "-" };
const forward = (host: string) => `${host}: release/switch_current r2`;
const back = (host: string, id = "r1") => `${host}: release/switch_current ${id}`;

describe("hosts are switched batch by batch", () => {
  test("all of them, in the manifest's order", async () => {
    expect(await run(TWO, {})).toMatchObject({
      given: [forward("web1"), forward("web2")],
      is: { web1: "switched", web2: "switched" },
      exit: 0,
      next: [],
    });
  });

  test("two at a time, where serial says so", async () => {
    const { given, exit } = await run(FOUR, {}, { size: 2 });
    expect(given).toEqual(["web1", "web2", "web3", "web4"].map(forward));
    expect(exit).toBe(0);
  });

  test("a host that somebody else switched meanwhile is brought back to what it really had", async () => {
    const answer = { release: "r2", previous: "r1b" };
    const ends = { [forward("web1")]: { end: "exited", exit: 0, answer, ms: 1 } as const, [forward("web2")]: 3 };
    const { given, outcomes } = await run(TWO, ends);
    // And only while what we switched to is current there.
    expect(given).toEqual([forward("web1"), forward("web2"), back("web1", "r1b --from r2")]);
    expect(outcomes[0]).toMatchObject({ outcome: "brought back", previous: "r1b" });
  });

  test("the first failure stops; a host that restored itself is left alone, those before it are brought back, last ones first", async () => {
    const { given, is, exit } = await run({ ...FOUR, web5: "r1" }, { [forward("web4")]: 3 });
    expect(given).toEqual([
      ...["web1", "web2", "web3", "web4"].map(forward),
      back("web3", "r0"),
      back("web2"),
      back("web1"),
    ]);
    expect(is).toEqual({
      web1: "brought back",
      web2: "brought back",
      web3: "brought back",
      web4: "restored",
      web5: "not begun",
    });
    expect(exit).toBe(3);
  });

  test("a host that switched in the failing batch is brought back too", async () => {
    const { given, exit } = await run(FOUR, { [forward("web1")]: 3 }, { size: 2 });
    expect(given).toEqual([forward("web1"), forward("web2"), back("web2")]);
    expect(exit).toBe(3);
  });

  test.each([1, 2, 75])("where nothing was touched yet, the exit code is the failing host's own: %i", async (code) => {
    const { given, is, exit, error } = await run(TWO, { [forward("web1")]: code });
    expect(given).toEqual([forward("web1")]);
    expect(is).toEqual({ web1: "failed", web2: "not begun" });
    expect(exit).toBe(code);
    expect(error).toContain("every host still has what it had");
  });

  test("a failure that touched nothing on the second host brings the first one back: 3", async () => {
    expect(await run(TWO, { [forward("web2")]: 1 })).toMatchObject({
      is: { web1: "brought back", web2: "failed" },
      exit: 3,
    });
  });

  test("a host that cannot go back is a person's: exit 4, with what that host said to type", async () => {
    const next = ["ops/release/switch_current.ts r1 --keep-data"];
    const ends = {
      [forward("web3")]: 3,
      [back("web2")]: { end: "exited", exit: 2, answer: { error: "data would be lost", next }, ms: 5 } as Ending,
    };
    const { is, exit, next: typed, error } = await run({ ...TWO, web3: "r1" }, ends);
    expect(is).toEqual({ web1: "brought back", web2: "not brought back", web3: "restored" });
    expect(exit).toBe(4);
    expect(typed).toEqual(next);
    expect(error).toBe("r2 is not on all hosts: it failed on web3; web2 needs a person");
  });

  test("a host that failed and could not be restored: 4, and what was switched goes back all the same", async () => {
    const { is, exit, next } = await run(TWO, { [forward("web2")]: 4 });
    expect(is).toEqual({ web1: "brought back", web2: "stranded" });
    expect(exit).toBe(4);
    expect(next).toEqual(["release/status --on web2"]);
  });

  test("a connection that is lost counts as a failure: the others go back, the lost one is told plainly", async () => {
    const { given, is, exit, next, outcomes } = await run(TWO, { [forward("web2")]: "lost" });
    expect(given.at(-1)).toBe(back("web1"));
    expect(is).toEqual({ web1: "brought back", web2: "lost" });
    expect(exit).toBe(4);
    expect(next).toEqual(["release/status --on web2", "release/switch_current r1 --on web2"]);
    expect(renderOutcomes(outcomes, "r2", ({ name }) => name)).toEqual([
      "  web1  r1 again: it was brought back",
      "  web2  the connection was lost: the host goes on by itself, and is r2 or r1 in the end",
    ]);
  });

  test("a connection lost while bringing back: 4, and the line to type", async () => {
    expect(await run(TWO, { [forward("web2")]: 3, [back("web1")]: "lost" })).toMatchObject({
      is: { web1: "not brought back", web2: "restored" },
      exit: 4,
      next: ["release/switch_current r1 --on web1"],
    });
  });

  test("a host that is not reached any more has what it had: 3 where others went back, else 1", async () => {
    expect(await run(TWO, { [forward("web2")]: "unreachable" })).toMatchObject({
      is: { web2: "unreachable" },
      exit: 3,
    });
    expect(await run(TWO, { [forward("web1")]: "unreachable" })).toMatchObject({ is: { web2: "not begun" }, exit: 1 });
  });

  test("where there was nothing before, there is nothing to go back to: the services are stopped", async () => {
    const { given, is, exit } = await run({ web1: "-", web2: "-" }, { [forward("web2")]: 3 });
    expect(given).toEqual([forward("web1"), forward("web2"), "web1: service/stop "]);
    expect(is).toEqual({ web1: "stopped", web2: "restored" });
    expect(exit).toBe(3);
  });

  test("Ctrl-C between batches: nothing more begins, what switched goes back, 130", async () => {
    const { given, is, exit } = await run(TWO, {}, { stopAfter: 1 });
    expect(given).toEqual([forward("web1"), back("web1")]);
    expect(is).toEqual({ web1: "brought back", web2: "not begun" });
    expect(exit).toBe(130);
  });

  test("Ctrl-C during a batch: the host undoes and says 130, the others go back", async () => {
    expect(await run(TWO, { [forward("web2")]: 130 })).toMatchObject({
      is: { web1: "brought back", web2: "interrupted" },
      exit: 130,
    });
    expect(await run(TWO, { [forward("web2")]: 130, [back("web1")]: 4 })).toMatchObject({ exit: 4 });
  });

  test("Ctrl-C when all is done changes nothing", async () => {
    expect(await run(TWO, {}, { stopAfter: 2 })).toMatchObject({ exit: 0, is: { web1: "switched", web2: "switched" } });
  });
});

test("--json gives every host its outcome", async () => {
  const { outcomes, verdict } = await run(TWO, { [forward("web2")]: 3 });
  expect(jsonOf(outcomes, "r2", verdict)).toEqual({
    release: "r2",
    hosts: [
      { host: "web1", outcome: "brought back", exit: 0, previous: "r1", duration_ms: 2 },
      { host: "web2", outcome: "restored", exit: 3, previous: "r1", duration_ms: 1 },
    ],
    outcome: "restored",
    exit: 3,
    error: "r2 is not on all hosts: it failed on web2; every host is back at what it had",
    next: [],
  });
});

test.each([
  [undefined, 4, 1],
  [3, 4, 3],
  [9, 4, 4],
  ["50%", 4, 2],
  ["50%", 5, 2],
  ["1%", 4, 1],
  ["100%", 4, 4],
])("serial: %s of %i hosts are %i at a time", (serial, hosts, size) => expect(sizeOfBatch(serial, hosts)).toBe(size));

test("batches keep the order; the last one may be smaller", () => {
  expect(inBatches([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(inBatches([], 2)).toEqual([]);
});

test("at most so many at once, and the answers stand as the items do", async () => {
  let [now, most] = [0, 0];
  const answers = await atOnce([5, 1, 4, 2, 3], 2, async (ms) => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setTimeout(resolve, ms));
    now--;
    return ms * 2;
  });
  expect(answers).toEqual([10, 2, 8, 4, 6]);
  expect(most).toBe(2);
});

test.each([
  [[0, 0], 0],
  [[0, 75], 75],
  [[2, 1, 0], 1],
  [[3, 130, 1], 3],
  [[3, 4, 0], 4],
  [[0, 7], 7],
])("the worst of %j is %i", (exits, worst) => expect(worstOf(exits)).toBe(worst));
