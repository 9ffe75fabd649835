import fs from "node:fs";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { type Context, contextOf } from "../../scripts/core/context.ts";
import { openDatabase } from "../../scripts/registry/database.ts";
import { type SwitchbackError, UsageError } from "../../scripts/core/errors.ts";
import { openOperations } from "../../scripts/registry/journal.ts";
import { operate } from "../../scripts/core/operate.ts";
import type { Operation } from "../../scripts/core/operation.ts";
import { setReporter } from "../../scripts/terminal/reporter.ts";
import type { Plan, Step } from "../../scripts/core/step.ts";
import { loadManifest } from "../../scripts/manifest/load.ts";
import { makePlace } from "./places.ts";

setReporter({ quiet: true }, {});

function makeContext(): Context {
  const place = makePlace();
  const filePath = path.join(place, "deploy.yaml");
  fs.writeFileSync(filePath, `app: shop\ndeploy_to: ${place}/tree\n`);
  return contextOf(loadManifest({ filePath, env: {}, cwd: place }));
}

const plan = (more: Partial<Plan>): Plan => ({ title: "Test", steps: [], discard: [], revert: [], done: "", ...more });
const make = (context: Context, name: string): Step => ({
  kind: "mkdir",
  title: `Make ${name}`,
  path: path.join(context.paths.deployTo, name),
});
const operation = (plans: () => Plan[]): Operation<null, object> => ({
  kind: "test",
  observe: () => null,
  plan: plans,
});

const refuse = () => {
  throw new UsageError("no such release");
};

const climb = (context: Context, plans: () => Plan[], options = {}) =>
  operate(operation(plans), context, {}, options).catch((error: unknown) => error as SwitchbackError);

/** Reads the registry of a context, and closes it again. */
function read<T>({ paths }: Context, look: (database: DatabaseSync) => T): T {
  const database = openDatabase(paths.registry);
  try {
    return look(database);
  } finally {
    database.close();
  }
}

const operations = (context: Context) =>
  read(context, (database) =>
    database.prepare("SELECT kind, release_id, outcome, exit_code FROM operations ORDER BY rowid").all(),
  );

test("what is wrong with the arguments is said before the tree is made", async () => {
  const context = makeContext();
  expect(await climb(context, refuse)).toMatchObject({ exit: 2 });
  expect(fs.existsSync(context.paths.deployTo)).toBe(false);
});

test("it answers how it ended, and the registry has it", async () => {
  const context = makeContext();
  const outcome = await climb(context, () => [
    plan({ releaseId: "r2", previousId: "r1", steps: [make(context, "a")], done: "r2 is current." }),
  ]);
  expect(outcome).toMatchObject({
    kind: "test",
    release: "r2",
    previous: "r1",
    outcome: "done",
    message: "r2 is current.",
  });
  expect(operations(context)).toEqual([{ kind: "test", release_id: "r2", outcome: "done", exit_code: 0 }]);
});

test("a plan stands when the next one fails", async () => {
  const context = makeContext();
  const failing: Step = { kind: "run", title: "Fail", run: { lines: ["exit 1"], cwd: "/", env: {} } };
  const error = await climb(context, () => [
    plan({ steps: [make(context, "a")] }),
    plan({ steps: [failing] }),
    plan({ steps: [make(context, "c")] }),
  ]);
  expect(error).toMatchObject({ exit: 1 });
  expect(["a", "c"].map((name) => fs.existsSync(path.join(context.paths.deployTo, name)))).toEqual([true, false]);
  expect(operations(context)).toMatchObject([{ outcome: "failed", exit_code: 1 }]);
});

test("the failure of an extra plan is told, and what the operation is for is done", async () => {
  const context = makeContext();
  const failing: Step = {
    kind: "run",
    title: "Fail",
    run: { lines: ["exit 3"], cwd: context.paths.deployTo, env: {} },
  };
  const plans = () => [
    plan({ steps: [make(context, "one")], done: "One is made." }),
    plan({ title: "Tidy up", steps: [failing], isExtra: true, done: "Tidied." }),
  ];
  const outcome = await climb(context, plans);
  expect(outcome).toMatchObject({ outcome: "done", message: "One is made.\nTidy up: Fail: exit code 3" });
  expect(operations(context)).toMatchObject([{ outcome: "done", exit_code: 0 }]);
});

test("a refusal that leaves a record is thrown once the record is made", async () => {
  const context = makeContext();
  const record: Step = { kind: "record", title: "Record", releaseId: "r9", sha: "", status: "rollback_target_missing" };
  const refused = () => [plan({ steps: [record], refusal: new UsageError("there is no r9") })];
  expect(await climb(context, refused)).toMatchObject({ exit: 2, message: "there is no r9" });
  expect(operations(context)).toMatchObject([{ outcome: "refused", exit_code: 2 }]);
  expect(read(context, (database) => database.prepare("SELECT release_id, status FROM releases").all())).toEqual([
    { release_id: "r9", status: "rollback_target_missing" },
  ]);
});

test("with --dry-run nothing is made, not even the tree; a refusal is the same", async () => {
  const context = makeContext();
  expect(await climb(context, () => [plan({ steps: [make(context, "a")] })], { dryRun: true })).toBeUndefined();
  expect(await climb(context, () => [plan({ refusal: new UsageError("no") })], { dryRun: true })).toMatchObject({
    exit: 2,
  });
  expect(fs.existsSync(context.paths.deployTo)).toBe(false);
});

test("what another one left interrupted is recovered from first", async () => {
  const context = makeContext();
  fs.mkdirSync(context.paths.releases, { recursive: true });
  fs.mkdirSync(path.join(context.paths.releases, ".removing-r1"));
  read(context, (database) =>
    database
      .prepare(
        "INSERT INTO operations (id, kind, arguments, pid, host, user, started_at) VALUES ('x', 'prune', '[]', 1, 'h', 'u', '2026-11-20T00:00:00Z')",
      )
      .run(),
  );
  const leftWhenPlanned: boolean[] = [];
  await climb(context, () => [
    plan({ done: String(leftWhenPlanned.push(fs.existsSync(path.join(context.paths.releases, ".removing-r1")))) }),
  ]);
  expect(leftWhenPlanned).toEqual([false]);
  expect(operations(context)).toMatchObject([
    { kind: "prune", outcome: "interrupted" },
    { kind: "recover", outcome: "done" },
    { kind: "test", outcome: "done" },
  ]);
  expect(read(context, openOperations)).toEqual([]);
});

// Pruning comes after a deploy's switch, and is about no release: the operation is still the deploy of r2.
test("an operation keeps the release that it is about, whatever its last plan is", async () => {
  const context = makeContext();
  await climb(context, () => [plan({ releaseId: "r2" }), plan({ title: "Prune" })]);
  expect(operations(context)).toMatchObject([{ release_id: "r2" }]);
});
