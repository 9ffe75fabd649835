import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { FailedError, UsageError } from "../core/errors.ts";

/** A program to start in the background. */
export interface Launch {
  /** What it is, for messages: `services.api`. */
  readonly where: string;
  readonly words: readonly string[];
  /** A real path. */
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Starts a program in a session of its own: standard input from /dev/null, output appended to the logs, umask 022, no other
 * descriptor of this process. It lives on when this process is gone.
 * @returns its pid, once the program was executed
 * @throws UsageError when the program is not there; FailedError when the system refuses to execute it
 */
export async function launch(what: Launch): Promise<number> {
  const program = findProgram(what);
  const descriptors = [fs.openSync("/dev/null", "r")];
  const mask = process.umask(0o022);
  try {
    for (const file of [what.stdout, what.stderr]) descriptors.push(openLog(file, what.where));
    return await execute(program, what, descriptors);
  } finally {
    process.umask(mask);
    descriptors.forEach((fd) => fs.closeSync(fd));
  }
}

async function execute(program: string, what: Launch, stdio: number[]): Promise<number> {
  try {
    return await pidOf(
      spawn(program, what.words.slice(1), { cwd: what.cwd, env: what.environment, detached: true, stdio }),
    );
  } catch (cause) {
    const reason = reasonOf(cause as NodeJS.ErrnoException, program);
    throw new FailedError(`${what.where}: ${program} cannot be executed: ${reason}`, { cause });
  }
}

// The runtime waits for exec itself: a pid means that the program was executed. Some failures are thrown by spawn, others told by the event.
async function pidOf(child: ChildProcess): Promise<number> {
  if (child.pid === undefined) throw await new Promise<unknown>((resolve) => void child.once("error", resolve));
  child.unref();
  return child.pid;
}

/** Why the system did not execute a program, for a person. */
export function reasonOf({ code }: NodeJS.ErrnoException, program: string): string {
  const interpreter = interpreterOf(program);
  if (code === "ENOENT" && interpreter) return `its first line names ${interpreter}, which does not exist`;
  if (code === "ENOEXEC") return "it is neither a program of this machine nor a script with #! in its first line";
  return code ?? "no reason given";
}

function interpreterOf(program: string): string | undefined {
  const fd = fs.openSync(program, "r");
  try {
    const start = Buffer.alloc(256);
    fs.readSync(fd, start, 0, start.length, 0);
    return /^#!\s*(\S+)/.exec(start.toString("utf8"))?.[1];
  } finally {
    fs.closeSync(fd);
  }
}

/** The first word as an absolute path: with a slash relative to the working directory, else searched in the service's PATH. */
export function findProgram({
  words: [first = ""],
  cwd,
  environment,
  where,
}: Pick<Launch, "words" | "cwd" | "environment" | "where">): string {
  if (first.includes("/")) {
    const file = path.resolve(cwd, first);
    const reason = whyNotExecutable(file);
    if (reason) throw new UsageError(`${where}: ${file} ${reason}`, { next: nextFor(file, reason) });
    return file;
  }
  const directories = (environment["PATH"] ?? "").split(":").filter(Boolean);
  const found = directories
    .map((directory) => path.resolve(cwd, directory, first))
    .find((file) => !whyNotExecutable(file));
  if (found) return found;
  throw new UsageError(`${where}: no program ${JSON.stringify(first)} in PATH=${directories.join(":")}`, {
    next: `write its path in run (./${first} is relative to dir), or set PATH under env:`,
  });
}

const NOT_THERE = "does not exist: it is not built in this release";

function whyNotExecutable(file: string): string | undefined {
  try {
    if (fs.statSync(file).isDirectory()) return "is a directory, not a program";
    fs.accessSync(file, fs.constants.X_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES" ? "is not executable for this user" : NOT_THERE;
  }
}

function nextFor(file: string, reason: string): string[] {
  if (reason === NOT_THERE) return ["ops/release/deploy.ts HEAD"];
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ? [`chmod +x ${file}`] : [];
}

function openLog(file: string, where: string): number {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    return fs.openSync(file, "a", 0o640);
  } catch (cause) {
    throw new FailedError(`${where}: its log ${file} cannot be opened (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
    });
  }
}
