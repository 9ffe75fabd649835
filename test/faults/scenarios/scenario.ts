import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { answerOf, type Application, currentId, run, shell } from "../host.ts";

/** An operation that faults are injected into. */
export interface Scenario {
  command: string;
  /** Brings the application where the operation starts from; answers the command's words. */
  prepare(app: Application, round: number): string[];
  /** What must hold once the same command has succeeded. */
  check(app: Application, words: string[], round: number): Promise<string | undefined>;
  /** What must hold once what was interrupted is recovered from, before the same command is tried again. */
  recovered?(app: Application, round: number): string | undefined;
  /** What the same command says, where the work was done already when the kill came. */
  isDone?: RegExp;
}

export const commit = (app: Application, round: number) =>
  shell(
    app,
    `echo ${round} > version && git add -A && git -c user.name=t -c user.email=t@localhost commit -qm ${round}`,
  );

export const serves = async (app: Application, id: string) => {
  const answered = await answerOf(app);
  return currentId(app) === id && answered === id
    ? undefined
    : `current is ${currentId(app)} and ${answered} answers, not ${id}`;
};

/** What `verify` finds, if anything. */
export function verifyProblem(app: Application, ...ids: string[]): string | undefined {
  const wrong = ids.map((id) => run(app, "release/verify", [id])).find(({ status }) => status !== 0);
  return wrong && `verify: ${wrong.stdout}${wrong.stderr}`;
}

/** Adds to the manifest, or puts other text in place of what `pattern` finds there. */
export function editManifest(app: Application, text: string, pattern?: RegExp): void {
  const file = `${app.path}/deploy.yaml`;
  const before = fs.readFileSync(file, "utf8");
  fs.writeFileSync(file, pattern ? before.replace(pattern, text) : `${before}${text}`);
}

/** Rows of the registry, read beside whoever writes it. */
export function registry(app: Application, query: string, ...values: string[]): Record<string, unknown>[] {
  const database = new DatabaseSync(`${app.tree}/registry.db`);
  try {
    return database.prepare(query).all(...values);
  } finally {
    database.close();
  }
}
