import { randomBytes } from "node:crypto";
import path from "node:path";
import { BusyError, EXIT, FailedError } from "../core/errors.ts";
import { quote } from "../core/step.ts";
import type { Host } from "../manifest/loaded.ts";
import type { Connection } from "../remote/connection.ts";
import { type Answer, runThere, typedSsh } from "../remote/ssh.ts";
import { noAnswer } from "../remote/unreachable.ts";
import { suiteVersion } from "../suite/install.ts";
import type { Asked, Placed } from "./apply.ts";
import {
  type FileState,
  hmacOf,
  type LookState,
  type Message,
  readFailure,
  readStates,
  type WriteState,
} from "./message.ts";

/** Asks a host how files of its `shared/` stand; what has a content here is compared with it. */
export function lookThere(connection: Connection, files: Asked[]): Promise<FileState<LookState>[]> {
  const salt = randomBytes(32).toString("base64");
  return ask(connection, {
    verb: "look",
    deployTo: connection.deployTo,
    salt,
    files: files.map(({ shared, mode, secret }) => ({
      shared,
      mode,
      ...(secret === undefined ? {} : { hmac: hmacOf(secret.reveal(), salt) }),
    })),
  });
}

/** Puts secrets on a host. @throws BusyError while another operation is at work there. */
export const writeThere = (connection: Connection, files: Placed[]): Promise<FileState<WriteState>[]> =>
  ask(connection, {
    verb: "write",
    deployTo: connection.deployTo,
    files: files.map(({ shared, mode, secret }) => ({ shared, mode, value: secret.reveal().toString("base64") })),
  });

/** The message goes over standard input: the command's words are for all to see, there and here. */
async function ask<State>({ host, deployTo }: Connection, message: Message): Promise<FileState<State>[]> {
  if (message.files.length === 0) return [];
  const receiver = path.posix.join(deployTo, "suite", suiteVersion(), "ops/host/secrets.ts");
  const answer = await runThere(host, `exec ${quote(receiver)} --receive --json`, { input: JSON.stringify(message) });
  if (answer.status === EXIT.done) return readStates(answer.stdout);
  throw answer.isBegun ? refusal(host, answer) : noAnswer(host, answer.status, answer.stderr);
}

function refusal(host: Host, { status, stdout, stderr }: Answer): FailedError | BusyError {
  const said = readFailure(stdout);
  const why = said?.error ?? (status === null ? "did not answer in time" : `exit code ${status}`);
  const output = said ? [] : stderr.trimEnd().split("\n").slice(-12);
  const details = { host: host.name, output };
  if (status === EXIT.busy) return new BusyError(`${host.name}: ${why}`, { ...details, next: said?.next ?? [] });
  // What it says to type is for itself.
  const next = said?.next.map((line) => `${typedSsh(host)} ${quote(line)}`) ?? [];
  return new FailedError(`${host.name}: ${why}`, { ...details, next });
}
