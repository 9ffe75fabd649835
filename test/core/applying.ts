import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { applyRecords } from "../../scripts/core/actions.ts";
import { applyPlan } from "../../scripts/core/apply.ts";
import { openDatabase } from "../../scripts/registry/database.ts";
import type { SwitchbackError } from "../../scripts/core/errors.ts";
import { beginRecord } from "../../scripts/registry/journal.ts";
import { setReporter } from "../../scripts/terminal/reporter.ts";
import type { Plan, RunStep, Step, WriteStep } from "../../scripts/core/step.ts";
import type { ApplyContext } from "../../scripts/core/steps/kind.ts";
import { makeTree } from "./places.ts";

setReporter({ quiet: true }, {});
const none = () => Promise.reject(new Error("no plan here asks for this"));

/** A tree with a registry and the record of an operation, in which plans are carried out by the real steps. */
export function makeStage() {
  const paths = makeTree();
  const database = openDatabase(paths.registry);
  const { journal, logPath } = beginRecord({ paths }, database, "test", ["word"]);
  const controller = new AbortController();
  const actions = {
    call: none,
    wait: none,
    used: () => Promise.resolve([]),
    end: () => Promise.resolve(),
    record: (changes: Parameters<typeof applyRecords>[2]) => applyRecords(paths, database, changes),
  };
  const context: ApplyContext = { signal: controller.signal, logPath, operationId: journal.id, actions, giveRoom() {} };
  const at = (name: string) => path.join(paths.deployTo, name);
  /** Carries a plan out; answers with what it threw. */
  const apply = async (plan: Partial<Plan>): Promise<SwitchbackError | undefined> => {
    try {
      await applyPlan({ title: "Test", steps: [], discard: [], revert: [], done: "done", ...plan }, context, journal);
      return undefined;
    } catch (error) {
      return error as SwitchbackError;
    }
  };
  const run = (line: string, more: Partial<RunStep> = {}): Step => ({
    kind: "run",
    title: line,
    run: { lines: [line], cwd: paths.deployTo, env: {} },
    ...more,
  });
  const write = (name: string, more: Partial<WriteStep> = {}): Step => ({
    kind: "write",
    title: `Write ${name}`,
    path: at(name),
    content: name,
    mode: 0o600,
    ...more,
  });
  return { paths, database, journal, logPath, controller, at, apply, run, write };
}

/** The steps of all operations as the journal has them, in their order. */
export const stepsOf = (database: DatabaseSync) =>
  (
    database.prepare("SELECT title, outcome FROM steps ORDER BY rowid").all() as { title: string; outcome: string }[]
  ).map(({ title, outcome }) => `${outcome}: ${title}`);

export const hasTouched = (database: DatabaseSync) =>
  (database.prepare("SELECT has_touched FROM operations").get() as { has_touched: number }).has_touched === 1;
