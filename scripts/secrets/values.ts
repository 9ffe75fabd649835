import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import type { LinkedFile, ValueFrom } from "../manifest/schema/linked.ts";
import { expandHome } from "../manifest/home.ts";
import { Secret } from "./secret.ts";

/** A linked file that says where its content is taken from. */
export type SecretFile = LinkedFile & Required<Pick<LinkedFile, "value_from">>;

/** What was found, or why nothing was: that names the source, and nothing of what it gave. */
export type Taken = { secret: Secret } | { problem: string };

/** A secret is text or a key; what gives more than that gives something else. */
const MOST_BYTES = 4 * 1024 * 1024;

/** The linked files whose content is taken from this machine. */
export const secretFiles = (files: LinkedFile[]): SecretFile[] =>
  files.filter((file): file is SecretFile => file.value_from !== undefined);

/**
 * Takes a secret where the manifest says, on the machine that deploys; `folder` is the manifest's. A file and what a command
 * prints are taken byte for byte. A variable ends without the newline that `$(…)` and CI systems take off, so it gets one.
 */
export function takeValue(from: ValueFrom, folder: string, env: NodeJS.ProcessEnv): Taken {
  if (from.file !== undefined) return fromFile(path.resolve(folder, expandHome(from.file, env)));
  if (from.env !== undefined) return fromVariable(from.env, env);
  return fromCommand(from.run as string, folder);
}

/** Why a secret cannot be taken, as far as that is seen without running a command; undefined: nothing speaks against it. */
export function whyNoValue(from: ValueFrom, folder: string, env: NodeJS.ProcessEnv): string | undefined {
  const taken = from.run === undefined ? takeValue(from, folder, env) : undefined;
  return taken && "problem" in taken ? taken.problem : undefined;
}

function fromFile(file: string): Taken {
  try {
    return checked(fs.readFileSync(file), file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { problem: code === "ENOENT" ? `${file} is not there` : `${file} cannot be read (${code})` };
  }
}

function fromVariable(name: string, env: NodeJS.ProcessEnv): Taken {
  const value = env[name];
  if (value === undefined) return { problem: `$${name} is not set` };
  return checked(Buffer.from(value === "" || value.endsWith("\n") ? value : `${value}\n`), `$${name}`);
}

/** Its questions and complaints go to the person; what it prints goes nowhere but into the secret. */
function fromCommand(line: string, folder: string): Taken {
  const { status, signal, error, stdout } = spawnSync("bash", ["-euo", "pipefail", "-c", line], {
    cwd: folder,
    stdio: ["inherit", "pipe", "inherit"],
    maxBuffer: MOST_BYTES + 1,
  });
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === "ENOBUFS") return { problem: "its command prints more than 4 MB" };
  if (error) return { problem: code === "ENOENT" ? "bash is not there to run its command" : `its command: ${code}` };
  if (status !== 0) return { problem: `its command ended with ${signal ?? `exit code ${status}`}` };
  return checked(stdout, "its command", "prints nothing");
}

// CI systems give an empty text for a secret that nobody entered: an empty .env would be found out by the application.
function checked(bytes: Buffer, source: string, empty = "is empty"): Taken {
  if (bytes.length === 0) return { problem: `${source} ${empty}` };
  return bytes.length > MOST_BYTES ? { problem: `${source} has more than 4 MB` } : { secret: new Secret(bytes) };
}
