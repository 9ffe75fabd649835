import path from "node:path";
import type { Word } from "../service/words.ts";
import { execText, quoted, type Reading } from "./escape.ts";

/** What decides a command line, beside its words. */
export interface Command extends Reading {
  /** Working directory, absolute. */
  dirPath: string;
  /** The port that `${PORT}` stands for; undefined: the environment says at the start. */
  port?: number | undefined;
  /** Whether a file of `env_file` may set another PORT. */
  hasEnvFile: boolean;
}

const ENV = "/usr/bin/env";
/** systemd takes these in the path of an executable; `$` is not expanded there, and the rest it refuses. */
const PLAIN_PATH = /^\/[^\s"'\\$\p{Cc}]*$/u;

/**
 * `run` as ExecStart= (systemd.service(5)). What has no path of its own is found by env(1), in the service's own PATH; env also
 * sets PORT where a file could contradict it, for systemd lets files win over Environment=.
 * @throws Error with the reason for a program that env(1) would take for a variable
 */
export function execStart(words: readonly Word[], command: Command): string {
  const [first = [], ...rest] = words;
  const isOwnPort = command.port !== undefined && command.hasEnvFile && !words.some(usesPort);
  const settings = isOwnPort ? [`PORT=${command.port}`] : [];
  const shown = (word: Word) => quoted(word.map((part) => partText(part, command)).join(""));
  const plainPath = settings.length === 0 ? programPath(first, command) : undefined;
  if (plainPath !== undefined) return [plainPath, ...rest.map(shown)].join(" ");
  const program = absolute(first, command);
  const start = textOf(program, command);
  if (start.includes("="))
    throw new Error(`names a program with = in it (${start}), which env takes for a variable: give it another name`);
  return [ENV, ...(start.startsWith("-") ? ["--"] : []), ...settings, shown(program), ...rest.map(shown)].join(" ");
}

const usesPort = (word: Word) => word.some((part) => "variable" in part && part.variable === "PORT");

type Part = Word[number];

function partText(part: Part, command: Command): string {
  if ("text" in part) return execText(part.text, command);
  return part.variable === "PORT" && command.port !== undefined ? String(command.port) : `\${${part.variable}}`;
}

/** A word's text, without what only a start knows. */
const textOf = (word: Word, { port }: Command) =>
  word.map((part) => ("text" in part ? part.text : part.variable === "PORT" ? String(port ?? "") : "")).join("");

const isFixed = (word: Word, { port }: Command) =>
  word.every((part) => "text" in part || (part.variable === "PORT" && port !== undefined));

/** The program where a path says which one it is; undefined where PATH has to be searched, or systemd does not take the path. */
function programPath(word: Word, command: Command): string | undefined {
  const text = textOf(word, command);
  if (!isFixed(word, command) || !text.includes("/")) return undefined;
  const program = path.resolve(command.dirPath, text);
  return PLAIN_PATH.test(program) ? execText(program, command) : undefined;
}

/** A relative path as an absolute one, so that it means the same whoever executes it. */
function absolute(word: Word, command: Command): Word {
  const text = textOf(word, command);
  return isFixed(word, command) && text.includes("/") ? [{ text: path.resolve(command.dirPath, text) }] : word;
}

/** The program's path, absolute, where `run` names one; as it is, unescaped. */
export function namedProgram(words: readonly Word[], command: Command): string | undefined {
  const [first = []] = words;
  const text = textOf(first, command);
  return isFixed(first, command) && text.includes("/") ? path.resolve(command.dirPath, text) : undefined;
}
