/**
 * Facts and arguments in, exact lines out: every file under `cases/` is one test. `UPDATE_CASES=1` writes what the planners answer now
 * into the files; what it wrote has to be read before it is kept.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CaseFile, readCases, updateCase } from "./cases/files.ts";
import { contextOfCase } from "./cases/host.ts";
import { type Answer, answerOf, outcomeOf, pasteOf } from "./cases/outcome.ts";
import { PLANNERS } from "./cases/planners.ts";
import { problemsOf } from "./cases/promises.ts";

let scratch: string;
beforeAll(() => {
  scratch = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "switchback-cases-"));
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

function run({ command, one }: CaseFile) {
  const place = fs.mkdtempSync(path.join(scratch, "case-"));
  const context = contextOfCase(one, place);
  const { facts, plan } = askedOf(command, () => PLANNERS[command]?.(context, one));
  const before = structuredClone(facts);
  const answer = answerOf(plan);
  return { context, answer, again: answerOf(plan), facts, before };
}

// What is wrong with an argument is said while the facts are gathered: that is an answer too.
function askedOf(command: string, ask: () => ReturnType<NonNullable<(typeof PLANNERS)[string]>> | undefined) {
  try {
    const asked = ask();
    if (!asked) throw new TypeError(`there is no planner of ${command}`);
    return asked;
  } catch (error) {
    if (error instanceof TypeError) throw error;
    return {
      facts: undefined,
      plan: () => {
        throw error;
      },
    };
  }
}

const cases = readCases();

describe.each([...new Set(cases.map(({ command }) => command))])("%s", (command) => {
  for (const file of cases.filter((one) => one.command === command)) {
    const { known_bug: bug } = file.one;
    const check = () => {
      const { context, answer, again, facts, before } = run(file);
      const outcome = outcomeOf(context, answer);
      if (process.env["UPDATE_CASES"] && !bug) updateCase(file, outcome);
      else compare(file, outcome);
      expect(again, "the same facts, the same plan").toEqual(answer);
      expect(facts, "facts are not changed by planning").toEqual(before);
      expect(problemsOf(context, answer.plans)).toEqual([]);
      if (answer.plans.length > 0) expect(syntaxErrorsOf(context, answer)).toBe("");
    };
    if (bug) test.fails(`${file.name} (known bug: ${bug})`, check);
    else test(file.name, check);
  }
});

function compare({ one }: CaseFile, outcome: ReturnType<typeof outcomeOf>): void {
  expect(one.plan ?? one.error, "a case says what it expects").toBeDefined();
  if (one.error)
    expect(outcome.error).toEqual({ ...one.error, message: expect.stringContaining(one.error.message) as string });
  else expect(outcome.error?.message).toBeUndefined();
  for (const key of ["plan", "touches_from", "discard", "revert", "notes", "done"] as const)
    if (one[key] !== undefined) expect(outcome[key]).toEqual(one[key]);
  if (one.plan !== undefined) expect(outcome.touches_from).toBe(one.touches_from);
}

function syntaxErrorsOf(context: Parameters<typeof pasteOf>[0], { plans }: Answer): string {
  return spawnSync("sh", ["-n"], { input: pasteOf(context, plans), encoding: "utf8" }).stderr;
}
