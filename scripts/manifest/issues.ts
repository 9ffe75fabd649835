import type * as z from "zod";
import { isPlainMap } from "./merge.ts";
import { showNearest } from "./near.ts";
import { MAX_PROBLEMS } from "./problems.ts";

/** Something wrong at a path of the manifest, in words. */
export interface Finding {
  path: PropertyKey[];
  /** Whether the key or the value is meant. */
  at: "key" | "value";
  message: string;
  /** The part of the value that is meant. */
  part?: string;
  /** The key that is missing, when that is what is wrong. */
  missing?: PropertyKey[];
}

type Issue = z.core.$ZodIssue;

const TYPES: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a map",
  record: "a map",
};

const quoted = (value: unknown): string => JSON.stringify(value);

/**
 * The phrase after "wanted" for an issue whose schema has none of its own (given to `safeParse`); for an unknown key,
 * which carries no list of what is known, the known keys.
 */
export function wantedPhrase(issue: z.core.$ZodRawIssue): string {
  if (issue.code === "unrecognized_keys") return Object.keys((issue.inst as z.ZodObject).shape).join(" ");
  if (issue.code === "invalid_type") return TYPES[String(issue.expected)] ?? String(issue.expected);
  if (issue.code === "invalid_value") return `${issue.values.length > 1 ? "one of " : ""}${issue.values.join(", ")}`;
  return "something else";
}

/** Path as written in the manifest's own words: `services.api.env`, `smoke[0].url`. */
export const showPath = (path: PropertyKey[]): string =>
  path.map((step, index) => (typeof step === "number" ? `[${step}]` : `${index ? "." : ""}${String(step)}`)).join("");

/** What zod found, one finding for each thing to mend; `root` is the value that was checked, `written` its source text. */
export function findingsOf(
  issues: Issue[],
  root: unknown,
  written: (path: PropertyKey[]) => string | undefined,
): Finding[] {
  return issues.flatMap((issue) => findings(issue, [], root, written));
}

function findings(
  issue: Issue,
  prefix: PropertyKey[],
  root: unknown,
  written: (path: PropertyKey[]) => string | undefined,
): Finding[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === "unrecognized_keys")
    return issue.keys
      .slice(0, MAX_PROBLEMS)
      .map((key) => ({ path: [...path, key], at: "key", message: unknownKey(key, path, issue.message.split(" ")) }));
  if (!isPresent(root, path)) return [missingKey(path)];
  if (issue.code === "invalid_union") {
    const branch = issue.errors.filter((errors) => !errors.some(isOfOtherType));
    if (branch.length === 1 && branch[0]) return branch[0].flatMap((inner) => findings(inner, path, root, written));
  }
  if (issue.code === "custom") return [custom(issue, path)];
  if (issue.code === "invalid_key") {
    const wanted = issue.issues[0]?.message ?? "another name";
    return [{ path, at: "key", message: `${quoted(path.at(-1))} cannot be a key here: wanted ${wanted}` }];
  }
  return [{ path, at: "value", message: wrongValue(issue, path, valueAt(root, path), written(path)) }];
}

const isOfOtherType = (issue: Issue): boolean => issue.path.length === 0 && issue.code === "invalid_type";

function custom(issue: z.core.$ZodIssueCustom, path: PropertyKey[]): Finding {
  const missing = issue.params?.["missing"];
  if (typeof missing === "string") return missingKey([...path, missing]);
  const isAboutEntry = typeof path.at(-1) === "number";
  return {
    path,
    at: isAboutEntry ? "value" : "key",
    message: isAboutEntry ? issue.message : `${showPath(path)} ${issue.message}`,
  };
}

const inside = (path: PropertyKey[]): string => (path.length > 0 ? ` in ${showPath(path)}` : "");

const unknownKey = (key: string, path: PropertyKey[], known: string[]): string =>
  `unknown key ${quoted(key)}${inside(path)}${showNearest(key, known)}`;

function missingKey(path: PropertyKey[]): Finding {
  const parent = path.slice(0, -1);
  return { path: parent, at: "key", message: `${quoted(path.at(-1))} is missing${inside(parent)}`, missing: path };
}

function wrongValue(issue: Issue, path: PropertyKey[], value: unknown, written: string | undefined): string {
  const where = path.length > 0 ? `${showPath(path)}: ` : "";
  const wanted = `wanted ${issue.message}`;
  if (value === null) return `${where}found nothing, ${wanted}`;
  return `${where}found ${showFound(value, written)}, ${wanted}${hint(issue, value, written)}`;
}

function showFound(value: unknown, written: string | undefined): string {
  if (Array.isArray(value)) return "a list";
  if (isPlainMap(value)) return "a map";
  const text = typeof value === "string" ? quoted(value) : (written ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function hint(issue: Issue, value: unknown, written: string | undefined): string {
  const isPlain = typeof value === "number" || typeof value === "boolean";
  if (isPlain && wantsText(issue) && !/unit|"/.test(issue.message))
    return `: quote it, ${quoted(written ?? String(value))}`;
  if (typeof value === "string" && issue.code === "invalid_type" && isWord(value))
    return `: write ${value} without quotes`;
  if (typeof value === "string" && issue.code === "invalid_value") return showNearest(value, issue.values.map(String));
  return "";
}

const isWord = (text: string): boolean => /^(?:\d+|true|false)$/.test(text);

const wantsText = (issue: Issue): boolean =>
  (issue.code === "invalid_type" && issue.expected === "string") ||
  (issue.code === "invalid_union" && issue.errors.flat().some(wantsText));

function isPresent(root: unknown, path: PropertyKey[]): boolean {
  return path.length === 0 || valueAt(root, path) !== undefined;
}

function valueAt(root: unknown, path: PropertyKey[]): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}
