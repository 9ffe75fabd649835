import path from "node:path";
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { FailedError, SwitchbackError, UsageError } from "../core/errors.ts";
import { realPath } from "../core/real-path.ts";
import { writeOut } from "../terminal/output.ts";
import type { Subject } from "../render/subject.ts";
import { holdOf, isHeldBack } from "../database/hold.ts";
import { type ServiceDefinition, instanceOf, serviceOf } from "./definition.ts";
import { readEnvFile } from "./env-file.ts";
import { untilGone } from "./held-launch.ts";
import { findProgram, reasonOf } from "./launch.ts";
import { fillWords, splitWords, type Word, type WordPart } from "./words.ts";

/** One command to run in place of this process. */
export interface Foreground {
  /** Working directory; a link in it is followed once, so that the command keeps to one release. */
  dir: string;
  /** Absolute, or relative to `dir`; a leading `-` lets one be absent. */
  envFiles: readonly string[];
  port?: number | undefined;
  /** As `foregroundWords` writes them. */
  words: readonly string[];
}

/** `ops/service/launch.ts --dir DIR [--env-file FILE]… [--port N] [--hold FILE] -- WORD…`. @throws UsageError for a port that is none */
export async function launchForeground(
  words: readonly string[],
  { dir, envFile = [], port, hold }: { dir?: string; envFile?: string[]; port?: string; hold?: string },
): Promise<number> {
  if (dir === undefined) throw new UsageError("--dir is missing: where is the command to work?");
  if (port !== undefined && !/^[1-9]\d{0,4}$/.test(port))
    throw new UsageError(`--port wants a port from 1 to 65535, not ${JSON.stringify(port)}`);
  // Before `current` is followed: what waited runs from the release that is there then.
  if (hold !== undefined) await untilGone(hold);
  const what = { dir, envFiles: envFile, words, ...(port === undefined ? {} : { port: Number(port) }) };
  return runInPlace(prepareForeground(what, process.env));
}

const RELEASE_FILE = "RELEASE.env";

/**
 * The command line of `ops/service/launch.ts` for a service: what it is, the release's RELEASE.env, and the service's `env_file`
 * are named below `current`, a word's `${NAME}` is left for the launcher, and `$$` stands for a dollar sign.
 * @throws UsageError when `run` is no argument list
 */
export function foregroundArguments(
  definition: Pick<ServiceDefinition, "name" | "run" | "dir" | "env_file" | "port">,
  { ops, current, hold }: { ops: string; current: string; hold?: string | undefined },
): string[] {
  const { name, dir, env_file: files, port } = definition;
  const at = (file: string) =>
    file.startsWith("-") ? `-${path.resolve(current, file.slice(1))}` : path.resolve(current, file);
  const envFiles = [`-${RELEASE_FILE}`, ...files].flatMap((file) => ["--env-file", at(file)]);
  return [
    path.join(ops, "service/launch.ts"),
    "--dir",
    path.join(current, dir),
    ...envFiles,
    ...(port === undefined ? [] : ["--port", String(port)]),
    ...(hold === undefined ? [] : ["--hold", hold]),
    "--",
    ...foregroundWords(splitWords(definition.run, `services.${name}.run`), instanceOf(name)),
  ];
}

/** The same for a renderer. @throws ManifestError at the `run` of what stands at `place` in the manifest, when it is no argument list */
export function renderedArguments(
  subject: Pick<Subject, "manifest" | "paths" | "refuse">,
  definition: ServiceDefinition,
  place: PropertyKey[],
): string[] {
  const { manifest, paths } = subject;
  const isJob = manifest.services[serviceOf(definition.name)]?.schedule !== undefined;
  const hold = isHeldBack(manifest) ? holdOf(paths, isJob) : undefined;
  try {
    return foregroundArguments(definition, { ...paths, hold });
  } catch (error) {
    if (!(error instanceof SwitchbackError)) throw error;
    // The place is told beside it.
    return subject.refuse([...place, "run"], error.message.replace(/^services\.[^:]*: /, ""));
  }
}

function foregroundWords(words: readonly Word[], instance: string | undefined): string[] {
  const literal = (text: string) => (instance === undefined ? text : text.replaceAll("%i", () => instance));
  const shown = (part: WordPart) =>
    "text" in part ? literal(part.text).replaceAll("$", () => "$$") : `\${${part.variable}}`;
  return words.map((word) => word.map(shown).join(""));
}

const PART = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|[^$]+|\$/g;

/** `${NAME}` is a variable, `$$` a dollar sign, and so is any other one. */
const readWord = (text: string): Word =>
  [...text.matchAll(PART)].map(([part, variable]) => (variable ? { variable } : { text: part === "$$" ? "$" : part }));

/** What a command runs with. */
export interface Prepared {
  /** Absolute. */
  program: string;
  words: string[];
  /** A real path. */
  cwd: string;
  environment: Record<string, string>;
  /** Lines of environment files that were left out, without their values. */
  warnings: string[];
}

/**
 * Gathers what a command runs with: the environment it was given, each file in order, RELEASE_ID and PORT; a later one wins.
 * @throws UsageError when the directory, a file, the program or a variable is missing
 */
export function prepareForeground({ dir, envFiles, port, words }: Foreground, given: NodeJS.ProcessEnv): Prepared {
  const cwd = enter(dir);
  // They name where this process was started, not where the command will be.
  const { PWD: _pwd, OLDPWD: _oldpwd, ...inherited } = given;
  const environment = { ...inherited } as Record<string, string>;
  const warnings: string[] = [];
  for (const entry of envFiles) {
    const file = readEnvFile(entry, cwd);
    Object.assign(environment, Object.fromEntries(file.values));
    warnings.push(...file.warnings);
  }
  const id = releaseIdOf(envFiles, cwd);
  if (id !== undefined) environment["RELEASE_ID"] = id;
  if (port !== undefined) environment["PORT"] = String(port);
  const filled = fillWords(words.map(readWord), environment, { where: "run" });
  const program = findProgram({ words: filled, cwd, environment, where: "run" });
  return { program, words: [program, ...filled.slice(1)], cwd, environment, warnings };
}

function enter(dir: string): string {
  try {
    process.chdir(realPath(dir));
    return process.cwd();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason =
      code === "ENOENT" ? "does not exist: it is not built in this release" : `cannot be entered (${code})`;
    throw new UsageError(`the directory ${dir} ${reason}`, { next: "ops/release/deploy.ts HEAD", cause });
  }
}

/** As its RELEASE.env says; one that was adopted has no such file, and is known by its directory's name. */
function releaseIdOf(envFiles: readonly string[], cwd: string): string | undefined {
  const entry = envFiles.find((file) => path.basename(file) === RELEASE_FILE || file === `-${RELEASE_FILE}`);
  if (entry === undefined) return undefined;
  const folder = path.dirname(path.resolve(cwd, entry.replace(/^-/, "")));
  return readEnvFile(`-${RELEASE_FILE}`, folder).values.get("RELEASE_ID") ?? path.basename(realPath(folder));
}

// The runtime ignores these, and what is ignored stays so in the program that takes its place; what is caught does not.
const IGNORED_BY_RUNTIME = ["SIGPIPE", "SIGXFSZ"] as const;
const FORWARDED = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

/**
 * Runs a command in place of this process, which it then is: same pid, same descriptors. Where the runtime cannot do that, as a
 * child that gets this process's signals, and whose exit code is the answer.
 * @throws FailedError when the system refuses to execute it
 */
export async function runInPlace(what: Prepared): Promise<number> {
  for (const warning of what.warnings) writeOut(2, `warning: ${warning}\n`);
  if (process.execve === undefined) return runAsChild(what);
  for (const signal of IGNORED_BY_RUNTIME) process.on(signal, () => {});
  try {
    return process.execve(what.program, what.words, what.environment);
  } catch (cause) {
    throw refused(what, cause as NodeJS.ErrnoException);
  }
}

function runAsChild(what: Prepared): Promise<number> {
  const { program, words, cwd, environment: env } = what;
  return new Promise((resolve, reject) => {
    // Before there is a child: a signal that comes while it is started must not end this process alone.
    for (const signal of FORWARDED) process.on(signal, () => void child.kill(signal));
    const child = spawn(program, words.slice(1), { cwd, env, stdio: "inherit" });
    child.once("error", (error) => reject(refused(what, error)));
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

const refused = ({ program }: Prepared, cause: NodeJS.ErrnoException) =>
  new FailedError(`run: ${program} cannot be executed: ${reasonOf(cause, program)}`, { cause });
