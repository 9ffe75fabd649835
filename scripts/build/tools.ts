import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { isExecutable } from "../core/access.ts";

/** A command that a build step needs, as it was found. */
export interface Tool {
  /** As the manifest writes it: `python>=3.13,<3.14`. */
  need: string;
  name: string;
  path?: string;
  /** Why it is not good enough. */
  problem?: string;
}

const NEED = /^([^\s<>=!]+)\s*(.*)$/;
const BOUND = /([<>]=?|==?|!=)\s*(\d+(?:\.\d+)*)/g;

type Bound = { sign: string; version: number[] };

/** Looks a needed command up; `python>=3.13` also tries `python3.13` and `python3` (seed 000: the interpreter matters). */
export function observeTool(need: string, searchPath = process.env["PATH"] ?? ""): Tool {
  const [, name = need, range = ""] = NEED.exec(need) ?? [];
  const bounds = [...range.matchAll(BOUND)].map(([, sign = "", version = ""]) => ({ sign, version: numbers(version) }));
  let problem = `${name} is not in PATH`;
  for (const candidate of candidates(name, bounds)) {
    const found = which(candidate, searchPath);
    if (!found) continue;
    const version = bounds.length > 0 ? versionOf(found) : undefined;
    if (bounds.length === 0 || (version && bounds.every((bound) => isWithin(version, bound))))
      return { need, name, path: found };
    problem = `${need} is needed, and ${found} is ${version?.join(".") ?? "of a version it does not tell"}`;
  }
  return { need, name, problem };
}

/** Where a command lies in a search path; a name with a slash is that file. */
export function which(name: string, searchPath = process.env["PATH"] ?? ""): string | undefined {
  const places = name.includes("/")
    ? [name]
    : searchPath
        .split(":")
        .filter(Boolean)
        .map((dir) => path.join(dir, name));
  return places.find(isProgram);
}

const isProgram = (file: string) => isExecutable(file) && fs.statSync(file).isFile();

function candidates(name: string, bounds: Bound[]): string[] {
  const lowest = bounds.find(({ sign }) => sign.startsWith(">") || sign.startsWith("="))?.version;
  if (!lowest || name.includes("/")) return [name];
  return [name, `${name}${lowest.slice(0, 2).join(".")}`, `${name}${lowest[0]}`];
}

/** A tool as a build step's key names it: by what name it is found, the file behind it, what `--version` prints. */
export function toolIdentity({ need, path: file }: Tool): string[] {
  return file === undefined ? [need] : [need, file, fs.realpathSync(file), versionText(file)];
}

function versionOf(file: string): number[] | undefined {
  const found = /\d+(?:\.\d+)+/.exec(versionText(file))?.[0];
  return found ? numbers(found) : undefined;
}

const texts = new Map<string, string>();

/** What `--version` prints; a file is asked once. */
function versionText(file: string): string {
  const { mtimeMs, size } = fs.statSync(file);
  const known = texts.get(`${mtimeMs} ${size} ${file}`);
  if (known !== undefined) return known;
  const { stdout, stderr } = spawnSync(file, ["--version"], { encoding: "utf8", timeout: 10_000 });
  const text = `${stdout ?? ""}\n${stderr ?? ""}`;
  texts.set(`${mtimeMs} ${size} ${file}`, text);
  return text;
}

const numbers = (version: string) => version.split(".").map(Number);

function isWithin(version: number[], { sign, version: bound }: Bound): boolean {
  // `=3.13` means any 3.13: only the numbers that are given are compared.
  const given = sign.startsWith("=") || sign === "!=" ? version.slice(0, bound.length) : version;
  const order = compare(given, bound);
  if (sign === "!=") return order !== 0;
  return (
    (order === 0 && sign.includes("=")) || (order < 0 && sign.startsWith("<")) || (order > 0 && sign.startsWith(">"))
  );
}

function compare(a: number[], b: number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

/** `python` → `PYTHON=/usr/bin/python3.13`: how lines name the very commands that met their `needs`. */
export const variablesOf = (tools: Tool[]): Record<string, string> =>
  Object.fromEntries(tools.map(({ name, path: found = "" }) => [variableOf(name), found]));

const variableOf = (name: string) =>
  path
    .basename(name)
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, "_");
