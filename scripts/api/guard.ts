import { createHash, timingSafeEqual } from "node:crypto";
import net from "node:net";

/** Who may ask. */
export interface Access {
  /** What callers have to show; undefined: nothing, which is for loopback alone. */
  token?: string | undefined;
  /** Names and addresses, lower case, under which it may be asked for. */
  hosts: ReadonlySet<string>;
  /** It listens on every address: then any address is its own, and only names have to be known. */
  hasEveryAddress: boolean;
}

/** A request's head, before anything of it is believed. */
export interface Head {
  method: string;
  target: string;
  /** Name, value, name, value, as they came. */
  rawHeaders: readonly string[];
}

/** Why a request is not answered. */
export interface Refusal {
  status: 400 | 401 | 403 | 405 | 413 | 414;
  detail: string;
  headers?: Record<string, string>;
}

/** The longest request target, in bytes. */
export const MAX_TARGET = 8192;

export const METHODS = "GET, HEAD";

/** What keeps a request out; undefined: nothing. */
export function refusalOf(head: Head, access: Access): Refusal | undefined {
  return (
    refusedTarget(head.target) ??
    refusedHost(valuesOf(head, "host"), access) ??
    refusedToken(valuesOf(head, "authorization"), access.token) ??
    refusedMethod(head.method) ??
    refusedBody(head)
  );
}

const valuesOf = ({ rawHeaders }: Head, name: string): string[] =>
  rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);

function refusedTarget(target: string): Refusal | undefined {
  if (target.length > MAX_TARGET) return { status: 414, detail: `the address is longer than ${MAX_TARGET} bytes` };
  // An absolute one would name a host of its own, and nobody but a proxy's client sends one.
  return /^\/[\x21-\x7e]*$/.test(target) ? undefined : { status: 400, detail: "the address is no path" };
}

const HOST = /^(?<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{0,5})?$/;

/** A page of somebody else's whose name was made to lead here (DNS rebinding) still asks for it by its own name. */
function refusedHost(values: string[], access: Access): Refusal | undefined {
  const name = values.length === 1 ? HOST.exec(values[0] ?? "")?.groups?.["name"] : undefined;
  if (name === undefined) return { status: 400, detail: "a request has to name one host" };
  if (
    isOwnName(
      name
        .toLowerCase()
        .replace(/\.$/, "")
        .replace(/^\[|\]$/g, ""),
      access,
    )
  )
    return undefined;
  return { status: 403, detail: `${name} is no name of this server's: --allow-host ${name} makes it one` };
}

function isOwnName(name: string, { hosts, hasEveryAddress }: Access): boolean {
  return hosts.has(name) || isLoopback(name) || (hasEveryAddress && net.isIP(name) !== 0);
}

/** `localhost`, 127.0.0.0/8 or ::1. */
export const isLoopback = (name: string): boolean =>
  name === "localhost" || name === "::1" || (net.isIPv4(name) && name.startsWith("127."));

const CHALLENGE = { "www-authenticate": 'Bearer realm="releases", Basic realm="releases", charset="UTF-8"' };

function refusedToken(values: string[], token: string | undefined): Refusal | undefined {
  if (token === undefined) return undefined;
  const shown = values.length === 1 ? shownToken(values[0] ?? "") : undefined;
  if (shown !== undefined && isSame(shown, token)) return undefined;
  return { status: 401, detail: "a token is needed, and none or another was shown", headers: CHALLENGE };
}

/** `Bearer TOKEN`, or `Basic`, as a browser asks a person, with the token as the password of any user. */
function shownToken(value: string): string | undefined {
  const [, scheme = "", text = ""] = /^(\S+) +(\S+)$/.exec(value) ?? [];
  if (scheme.toLowerCase() === "bearer") return text;
  if (scheme.toLowerCase() !== "basic") return undefined;
  const pair = Buffer.from(text, "base64").toString("utf8");
  return pair.includes(":") ? pair.slice(pair.indexOf(":") + 1) : undefined;
}

/** In a time that says nothing of where the two differ, or of how long the token is. */
function isSame(shown: string, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(shown), digest(token));
}

function refusedMethod(method: string): Refusal | undefined {
  if (method === "GET" || method === "HEAD") return undefined;
  return { status: 405, detail: "nothing can be changed here", headers: { allow: METHODS } };
}

function refusedBody(head: Head): Refusal | undefined {
  const hasBody =
    valuesOf(head, "transfer-encoding").length > 0 || valuesOf(head, "content-length").some((n) => n !== "0");
  return hasBody ? { status: 413, detail: "a question has no body here" } : undefined;
}
