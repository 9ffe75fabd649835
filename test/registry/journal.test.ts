import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { openDatabase } from "../../scripts/registry/database.ts";
import { beginRecord, Journal, openOperations, operationId, type StepOutcome } from "../../scripts/registry/journal.ts";
import { makeTree } from "../core/places.ts";

function makeJournal() {
  const paths = makeTree();
  const database = openDatabase(paths.registry);
  const { journal, logPath } = beginRecord({ paths }, database, "deploy", ["main"]);
  const took = (durations: number[], outcome: StepOutcome = "done", key = "gate", from = 0) =>
    durations.forEach((ms, i) => journal.step(key, "Wait", new Date(from + i), ms, outcome));
  return { paths, database, journal, logPath, took };
}

test.each([
  [[], undefined],
  [[700], 700],
  [[5, 1, 3], 3],
  [[9, 1, 9, 1, 5], 5],
])("of %j the median is %s", (durations, median) => {
  const { journal, took } = makeJournal();
  took(durations);
  expect(journal.expectedMs("gate")).toBe(median);
});

test("one slow run moves it by little, and only the last nine count", () => {
  const { journal, took } = makeJournal();
  took([60_000, 60_000, 60_000, 60_000, 60_000]);
  took([10, 11, 12, 13, 14, 15, 16, 17, 90_000], "done", "gate", 1000);
  expect(journal.expectedMs("gate")).toBe(14);
});

test("steps that failed, or that were done already, and those of another key do not count", () => {
  const { journal, took } = makeJournal();
  took([5]);
  took([1, 1, 1, 1, 1, 1], "already");
  took([99_000, 99_000], "failed");
  took([7], "done", "build:web");
  expect(journal.expectedMs("gate")).toBe(5);
  expect(journal.expectedMs("build:web")).toBe(7);
});

test("an operation is open from its beginning to its end", () => {
  const { database, journal } = makeJournal();
  expect(openOperations(database)).toMatchObject([
    { id: journal.id, kind: "deploy", arguments: '["main"]', pid: process.pid, has_touched: 0, finished_at: null },
  ]);
  journal.about({ releaseId: "r2", previousId: "r1", previousLink: "releases/r1" }, "built");
  journal.touch();
  expect(openOperations(database)).toMatchObject([
    {
      release_id: "r2",
      previous_release_id: "r1",
      previous_link: "releases/r1",
      status_before: "built",
      has_touched: 1,
    },
  ]);
  journal.settle();
  expect(openOperations(database)).toMatchObject([{ has_touched: 0 }]);
  journal.finish("done", 0, "r2 is current.");
  expect(openOperations(database)).toEqual([]);
});

test("what it was about with the next plan has not touched anything yet", () => {
  const { database, journal } = makeJournal();
  journal.about({ releaseId: "r2" }, undefined);
  journal.touch();
  journal.about({ releaseId: "r2", previousId: "r1", previousLink: "releases/r1" }, "built");
  expect(openOperations(database)).toMatchObject([{ has_touched: 0 }]);
});

test("open operations come in the order in which they began", () => {
  const { database, journal } = makeJournal();
  const second = new Journal(database, "0-first-by-name");
  second.begin("recover", []);
  database.prepare("UPDATE operations SET started_at = ? WHERE id = ?").run("2026-01-01T00:00:00.000Z", journal.id);
  expect(openOperations(database).map(({ id }) => id)).toEqual([journal.id, "0-first-by-name"]);
});

test("its id sorts by time, says what it was, and names a log that only the owner reads", () => {
  expect(operationId("switch", new Date("2026-11-20T22:15:30.999Z"))).toMatch(/^20261120-221530-switch-[0-9a-f]{4}$/);
  const { journal, logPath, paths } = makeJournal();
  expect(logPath).toBe(path.join(paths.logs, `${journal.id}.log`));
  expect(fs.statSync(logPath).mode & 0o777).toBe(0o600);
});
