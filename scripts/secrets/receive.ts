import fs from "node:fs";
import { asSwitchbackError } from "../core/apply.ts";
import { FailedError } from "../core/errors.ts";
import { becomeOwner } from "../core/owner.ts";
import { treePaths } from "../core/paths.ts";
import { writeOut } from "../terminal/output.ts";
import { lookAt, writeUnderLock } from "./apply.ts";
import { type FileState, type Message, readMessage } from "./message.ts";
import { Secret } from "./secret.ts";

/** On a host: reads secrets from standard input, compares or writes them, and answers with what became of each, as JSON. */
export function receive(): void {
  if (fs.fstatSync(0).isCharacterDevice()) throw new FailedError("--receive is given by another machine, over ssh");
  const message = readMessage(fs.readFileSync(0, "utf8"));
  becomeOwner(message.deployTo);
  writeOut(1, JSON.stringify(told(() => carryOut(message))));
}

/** A full disk is said as one. */
function told<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw asSwitchbackError(error);
  }
}

function carryOut(message: Message): FileState<string>[] {
  const paths = treePaths(message.deployTo);
  if (message.verb === "look") return lookAt(paths, message);
  return writeUnderLock(
    paths,
    message.files.map(({ shared, mode, value }) => ({
      shared,
      mode,
      secret: new Secret(Buffer.from(value, "base64")),
    })),
  );
}
