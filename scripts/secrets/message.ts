import { createHmac } from "node:crypto";
import { FailedError } from "../core/errors.ts";
import { parseJson } from "../text/json.ts";

/** How a secret file stands on a host; `there`: nothing was given to compare it with. */
export type LookState = "missing" | "unchanged" | "changed" | "there";

/** What became of it. */
export type WriteState = "created" | "changed" | "unchanged";

/** Of one file of `shared/`. */
export interface FileState<State> {
  shared: string;
  state: State;
}

interface WireFile {
  /** Its name in `shared/`. */
  shared: string;
  /** Permission bits. */
  mode: number;
}

/** Asks how files stand: compared by a keyed hash, so that a content need not be sent to be compared. */
export interface LookMessage {
  verb: "look";
  deployTo: string;
  /** Random, base64; another one each time. */
  salt: string;
  files: (WireFile & { hmac?: string })[];
}

/** Puts files there. */
export interface WriteMessage {
  verb: "write";
  deployTo: string;
  /** Contents in base64. */
  files: (WireFile & { value: string })[];
}

export type Message = LookMessage | WriteMessage;

/** HMAC-SHA256, base64. */
export const hmacOf = (bytes: Buffer, salt: string): string =>
  createHmac("sha256", Buffer.from(salt, "base64")).update(bytes).digest("base64");

/** @throws FailedError that holds nothing of the text: a parser's own words quote what they stumble over. */
export function readMessage(text: string): Message {
  const message = parseJson(text) as Partial<Message> | undefined;
  const isWhole =
    (message?.verb === "look" || message?.verb === "write") &&
    typeof message.deployTo === "string" &&
    Array.isArray(message.files);
  if (!isWhole) throw new FailedError("what came on standard input is no list of secrets: it was cut off on its way");
  return message as Message;
}

/** What the host answered. @throws FailedError likewise. */
export function readStates<State>(text: string): FileState<State>[] {
  const states = parseJson(text);
  if (!Array.isArray(states)) throw new FailedError("the host did not say what became of the secrets");
  return states as FileState<State>[];
}

/** What the suite's commands say with `--json` when they fail; undefined: it said nothing. */
export function readFailure(text: string): { error: string; next: string[] } | undefined {
  const said = parseJson(text) as { error?: unknown; next?: unknown } | undefined;
  if (typeof said?.error !== "string") return undefined;
  return { error: said.error, next: Array.isArray(said.next) ? (said.next as string[]) : [] };
}
