import { FailedError, SwitchbackError } from "../../core/errors.ts";
import { quote } from "../../core/step.ts";
import { type Address, showAddress } from "./address.ts";
import { OUR_TABLES } from "./tables.ts";

/** The registry's server, or what it says, keeps the work from being done; `state` is its SQLSTATE, where it said one. */
export class ServerError extends FailedError {
  readonly state: string | undefined;
  /** What is wrong, without where. */
  readonly why: string;

  constructor(
    address: Address,
    why: string,
    details: { state?: string | undefined; next?: string[]; cause?: unknown },
  ) {
    const { state, ...rest } = details;
    super(`the registry ${showAddress(address)} ${verbOf(state)}: ${why}`, rest);
    this.state = state;
    this.why = why;
  }
}

// A state of five characters is the server's own word: it was reached. Class 08 and 57 are of the connection.
const verbOf = (state: string | undefined) =>
  state === undefined || /^(08|57)/.test(state) ? "could not be reached" : "refused";

/** The SQLSTATE that a server answered with. */
export function stateOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown }).code;
  if (error instanceof ServerError) return error.state;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && "severity" in (error as object) ? code : undefined;
}

/** Whether it was about a text that the database's encoding does not have. */
export const isUnwritable = (error: unknown): boolean => ["22P05", "22021"].includes(stateOf(error) ?? "");

/** Whether after an error the connection is of no more use: the server did not answer, or said that it ends it. */
export const isCut = (error: unknown): boolean => /^(|08.*|57.*)$/.test(stateOf(error) ?? "");

/** An error of the connection or the server in a person's words. */
export function explain(error: unknown, address: Address): SwitchbackError {
  if (error instanceof ServerError) return error;
  const { message, code } = error as { message: string; code?: string };
  const state = stateOf(error);
  if (error instanceof SwitchbackError && error.exit !== 1) return error;
  const next = error instanceof SwitchbackError ? error.next : hintsOf(state, message, address);
  const cause = error instanceof SwitchbackError ? error.cause : error;
  return new ServerError(address, WORDS[code ?? ""] ?? (message.trim() || String(code)), { state, next, cause });
}

const WORDS: Record<string, string> = {
  ECONNREFUSED: "nobody listens there",
  ENOTFOUND: "its name is not known",
  EAI_AGAIN: "its name could not be looked up",
  ENOENT: "there is no such socket",
  ECONNRESET: "the connection was cut",
  CONNECTION_CLOSED: "the server closed the connection",
  CONNECTION_DESTROYED: "the connection was given up",
  CONNECT_TIMEOUT: "no answer in time",
  EHOSTUNREACH: "there is no way to it",
  ENETUNREACH: "there is no way to it",
};

/** What to type about it, by SQLSTATE. */
function hintsOf(state: string | undefined, message: string, { user, database }: Address): string[] {
  const psql = (sql: string) => `psql -d ${quote(database)} -c ${quote(sql)}   # as the owner of the database`;
  const role = identifier(user);
  if (state === "25006") return ["$EDITOR deploy.yaml   # registry.url: a server that takes writes"];
  if (state === "3D000") return [`createdb ${quote(database)}   # on that server`];
  if (state !== "42501") return [];
  const [, schema] = /schema "?([^"]+)"?$/.exec(message) ?? [];
  if (schema !== undefined) return [psql(`GRANT CREATE, USAGE ON SCHEMA ${identifier(schema)} TO ${role};`)];
  const [, table = ""] = /(?:table|relation) "?([^"]+)"?$/.exec(message) ?? [];
  return OUR_TABLES.includes(table) ? [psql(grantOurs(user))] : [];
}

/** What a role needs that may read and write our tables, and not make them. */
export const grantOurs = (user: string) =>
  `GRANT SELECT, INSERT, UPDATE ON ${OUR_TABLES.join(", ")} TO ${identifier(user)};`;

/** A name as SQL takes it. */
export const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`;
