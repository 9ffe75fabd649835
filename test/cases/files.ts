import fs from "node:fs";
import path from "node:path";
import { parse, parseDocument, Scalar } from "yaml";
import { type Case, caseSchema } from "./format.ts";
import type { Outcome } from "./outcome.ts";

export interface CaseFile {
  /** `release/prune`. */
  command: string;
  /** What the case claims, as its file's name says it. */
  name: string;
  file: string;
  one: Case;
}

const here = import.meta.dirname;

/** All cases; a mistyped key in one is an error. */
export function readCases(): CaseFile[] {
  const files = fs.readdirSync(here, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".yaml"));
  return files.toSorted().map((file) => {
    const read = caseSchema.safeParse(parse(fs.readFileSync(path.join(here, file), "utf8")));
    if (!read.success) throw new Error(`${file}: ${read.error.message}`);
    return { command: path.dirname(file), name: path.basename(file, ".yaml").replaceAll("-", " "), file: path.join(here, file), one: read.data };
  });
}

/** Writes what a planner answers now into the case: what the case compares, else the plan or the refusal. */
export function updateCase({ file, one }: CaseFile, outcome: Outcome): void {
  const document = parseDocument(fs.readFileSync(file, "utf8"));
  const isNew = one.plan === undefined && one.error === undefined;
  const asked = (key: keyof Outcome) => document.has(key) || (isNew && ["plan", "touches_from", "error"].includes(key));
  for (const key of Object.keys(outcome) as (keyof Outcome)[]) {
    const value = outcome[key];
    if (!asked(key) || value === undefined) document.delete(key);
    else document.set(key, typeof value === "string" && value.includes("\n") ? block(value) : document.createNode(value));
  }
  fs.writeFileSync(file, document.toString({ lineWidth: 0 }));
}

function block(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.type = "BLOCK_LITERAL";
  return scalar;
}
