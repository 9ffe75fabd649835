import fs from "node:fs";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { asSwitchbackError, exitOf } from "../../scripts/core/apply.ts";
import { UsageError } from "../../scripts/core/errors.ts";
import { getRow } from "../../scripts/registry/releases.ts";
import { hasTouched, makeStage, stepsOf } from "./applying.ts";

const isThere = (file: string) => fs.existsSync(file);

test("all steps in their order; nothing is discarded or reverted", async () => {
  const { apply, at, run, write, database } = makeStage();
  const error = await apply({
    steps: [write("a"), run("cat a >b", { touches: true }), run("cat b >c")],
    discard: [write("discarded")],
    revert: [write("reverted")],
  });
  expect(error).toBeUndefined();
  expect(fs.readFileSync(at("c"), "utf8")).toBe("a");
  expect(isThere(at("discarded")) || isThere(at("reverted"))).toBe(false);
  expect(stepsOf(database)).toEqual(["done: Write a", "done: cat a >b", "done: cat b >c"]);
  expect(hasTouched(database), "a crash from here on leaves nothing to undo").toBe(false);
});

test("a failure before the first touching step: what was begun is discarded, exit 1", async () => {
  const { apply, at, run, write, database } = makeStage();
  const error = await apply({
    steps: [write("a"), run("exit 7"), write("b", { touches: true })],
    discard: [{ kind: "remove", title: "Remove a", path: at("a") }],
    revert: [write("reverted")],
  });
  expect(error).toMatchObject({ exit: 1, message: "exit 7: exit code 7", step: "exit 7" });
  expect([isThere(at("a")), isThere(at("b")), isThere(at("reverted"))]).toEqual([false, false, false]);
  expect(stepsOf(database)).toEqual(["done: Write a", "failed: exit 7", "done: Remove a"]);
  expect(hasTouched(database)).toBe(false);
});

test("a failure of the touching step itself is reverted, exit 3", async () => {
  const { apply, at, run, write, database } = makeStage();
  const error = await apply({
    previousId: "r1",
    steps: [run("exit 1", { touches: true })],
    discard: [write("discarded")],
    revert: [write("reverted")],
  });
  expect(error).toMatchObject({ exit: 3, message: "exit 1: exit code 1; rolled back: r1 is restored and healthy" });
  expect([isThere(at("discarded")), isThere(at("reverted"))]).toEqual([false, true]);
  expect(hasTouched(database), "what serves is settled again").toBe(false);
});

test("a failure after the first touching step is reverted, exit 3; before a first deploy that is nothing", async () => {
  const { apply, at, run, write } = makeStage();
  const error = await apply({
    steps: [write("a", { touches: true }), write("b"), run("echo why >&2; exit 1")],
    revert: [{ kind: "remove", title: "Remove a", path: at("a") }],
  });
  expect(error).toMatchObject({
    exit: 3,
    message: expect.stringContaining("rolled back: nothing is deployed, as before") as string,
    output: ["why"],
  });
  expect([isThere(at("a")), isThere(at("b"))]).toEqual([false, true]);
});

test("a revert that fails stops there: exit 4, with what to type, and the journal says that it is not settled", async () => {
  const { apply, at, run, write, database } = makeStage();
  const error = await apply({
    steps: [run("exit 1", { touches: true })],
    revert: [run("echo lost; exit 2"), write("later")],
    stranded: ["type this"],
  });
  expect(error).toMatchObject({ exit: 4, next: ["type this"], output: ["lost"] });
  expect(error?.message).toBe("exit 1: exit code 1; and restoring failed: echo lost; exit 2: exit code 2");
  expect(isThere(at("later"))).toBe(false);
  expect(hasTouched(database)).toBe(true);
});

test("a discard that fails goes on with the rest, and says what is left", async () => {
  const { apply, at, run, write } = makeStage();
  const error = await apply({ steps: [run("exit 1")], discard: [run("exit 9"), write("later")] });
  expect(error).toMatchObject({
    exit: 1,
    message: expect.stringMatching(/^exit 1: exit code 1\ncould not be cleaned up: .*exit code 9$/) as string,
  });
  expect(isThere(at("later"))).toBe(true);
});

test("an optional step may fail: in the plan, in the discard, in the revert", async () => {
  const { apply, at, run, write, database } = makeStage();
  const failing = run("exit 5", { optional: true });
  expect(await apply({ steps: [failing, write("a")] })).toBeUndefined();
  expect(await apply({ steps: [run("exit 1")], discard: [failing, write("b")] })).toMatchObject({
    exit: 1,
    message: "exit 1: exit code 1",
  });
  expect(await apply({ steps: [run("exit 1", { touches: true })], revert: [failing, write("c")] })).toMatchObject({
    exit: 3,
  });
  expect(["a", "b", "c"].map((name) => isThere(at(name)))).toEqual([true, true, true]);
  expect(stepsOf(database)).toContain("failed: exit 5");
});

test("what is done already is not done again", async () => {
  const { apply, write, database, at } = makeStage();
  await apply({ steps: [write("a")] });
  const { ino } = fs.statSync(at("a"));
  await apply({ steps: [write("a")] });
  expect(fs.statSync(at("a")).ino).toBe(ino);
  expect(stepsOf(database)).toEqual(["done: Write a", "already: Write a"]);
});

test("a refusal by a step before anything was touched stays one: exit 2", async () => {
  const { apply, at, write } = makeStage();
  fs.mkdirSync(at("current"));
  fs.writeFileSync(at("current/index.html"), "");
  const error = await apply({
    steps: [{ kind: "link", title: "Link", path: at("current"), target: "releases/r1" }],
    discard: [write("discarded")],
  });
  expect(error).toBeInstanceOf(UsageError);
  expect(error).toMatchObject({ exit: 2, next: [`mv ${at("current")} ${at("current.was-a-directory")}`] });
  expect([isThere(at("current/index.html")), isThere(at("discarded"))]).toEqual([true, true]);
});

test("an interrupt before a step: exit 130, discarded, nothing was touched", async () => {
  const { apply, at, write, controller } = makeStage();
  controller.abort();
  const error = await apply({ steps: [write("a", { touches: true })], discard: [write("discarded")] });
  expect(error).toMatchObject({ exit: 130, message: "interrupted before: Write a; nothing that serves was touched" });
  expect([isThere(at("a")), isThere(at("discarded"))]).toEqual([false, true]);
});

test.each([
  [false, "; nothing that serves was touched", "discarded"],
  [true, "; rolled back: r1 is restored and healthy", "reverted"],
])(
  "an interrupt while a command runs ends the command and all that it started: exit 130 (touched: %s)",
  async (touches, says, made) => {
    const { apply, at, run, write, controller } = makeStage();
    const applied = apply({
      previousId: "r1",
      steps: [run("sleep 600 & echo $! >child; wait", { touches }), write("later")],
      discard: [write("discarded")],
      revert: [write("reverted")],
    });
    while (!isThere(at("child")) || fs.readFileSync(at("child"), "utf8") === "") await setTimeout(5);
    controller.abort();
    const error = await applied;
    expect(error).toMatchObject({ exit: 130, message: expect.stringContaining(says) as string });
    expect(isThere(at("later"))).toBe(false);
    expect(["discarded", "reverted"].filter((name) => isThere(at(name)))).toEqual([made]);
    const child = Number(fs.readFileSync(at("child"), "utf8"));
    while (fs.existsSync(`/proc/${child}/cwd`)) await setTimeout(5);
  },
);

test.each([
  [false, "interrupted before: later; nothing that serves was touched"],
  [true, "interrupted before: later; rolled back: r1 is restored and healthy"],
])("what is brought back is not interrupted in its turn (touched: %s)", async (touches, message) => {
  const { apply, at, run, write, controller, journal } = makeStage();
  // Told to stop while the first step is being journaled: between two steps.
  const record = journal.step.bind(journal);
  journal.step = (...step) => {
    controller.abort();
    record(...step);
  };
  const back = [run("echo all >back")];
  const error = await apply({
    previousId: "r1",
    steps: [write("a", { touches }), write("b", { title: "later" })],
    discard: back,
    revert: back,
  });
  expect(error).toMatchObject({ exit: 130, message });
  expect(fs.readFileSync(at("back"), "utf8")).toBe("all\n");
});

test("a command's output goes into the log, its last twenty lines into the error", async () => {
  const { apply, run, logPath } = makeStage();
  const error = await apply({ steps: [run("seq 1 30; exit 1")] });
  expect(error?.output).toEqual(Array.from({ length: 20 }, (_, i) => String(i + 11)));
  expect(fs.readFileSync(logPath, "utf8").split("\n")).toHaveLength(31);
});

test("a command fails at its first failing line, also inside a pipe, and for a variable that is not set", async () => {
  const { apply, run } = makeStage();
  for (const line of ["false\ntrue", "false | cat", 'echo "$NOT_SET"'])
    expect((await apply({ steps: [run(line)] }))?.exit, line).toBe(1);
});

test("a step's record is in the registry", async () => {
  const { apply, database } = makeStage();
  await apply({ steps: [{ kind: "record", title: "Record r1", releaseId: "r1", sha: "abc", status: "built" }] });
  expect(getRow(database, "r1")).toMatchObject({ commit_sha: "abc", status: "built" });
});

test("any error becomes one for a person; a full disk says so", () => {
  expect(asSwitchbackError(new TypeError("x is undefined"))).toMatchObject({ exit: 1, message: "x is undefined" });
  for (const full of [
    Object.assign(new Error("ENOSPC: write"), { code: "ENOSPC" }),
    Object.assign(new Error("EDQUOT"), { code: "EDQUOT" }),
    new Error("database or disk is full"),
  ])
    expect(asSwitchbackError(full)).toMatchObject({
      exit: 1,
      message: expect.stringContaining("no room on the disk") as string,
      next: ["df -h; df -i"],
    });
  const own = new UsageError("wrong");
  expect(asSwitchbackError(own)).toBe(own);
  expect([exitOf(own), exitOf(new Error("x")), exitOf("x")]).toEqual([2, 1, 1]);
});
