import { FailedError } from "../core/errors.ts";
import type { Host } from "../manifest/loaded.ts";
import { typedSsh } from "./ssh.ts";

/** A host could not be reached, or refused us: what ssh said is in `output`. */
export class UnreachableError extends FailedError {}

interface Cause {
  said: RegExp;
  /** Behind `web1`: what is wrong. */
  is: string;
  /** Trying it again is of no use. */
  isFinal?: true;
}

const CAUSES: Cause[] = [
  {
    said: /HOST IDENTIFICATION HAS CHANGED/i,
    is: "shows another host key than the one that is known here; unless it was set up anew, somebody stands between: ask who runs it, and only then remove the old key",
    isFinal: true,
  },
  {
    said: /host key is known for|Host key verification failed/i,
    is: "has a host key that is not known here: log in once, and compare its fingerprint",
    isFinal: true,
  },
  { said: /Permission denied|Too many authentication failures/i, is: "does not let this key in", isFinal: true },
  {
    said: /Could not resolve|Name or service not known|nodename nor servname/i,
    is: "has no address that is known here",
  },
  { said: /Connection refused/i, is: "refuses the connection: no sshd listens there" },
  { said: /timed out|No route to host|Network is unreachable|Host is down/i, is: "does not answer" },
  { said: /closed by|Broken pipe|not responding|Connection reset/i, is: "closed the connection, or the network did" },
];

/** Whether what ssh said is a refusal that stays one. */
export const isRefusal = (said: string): boolean => CAUSES.some((one) => one.isFinal && one.said.test(said));

/** What ssh said, put into words, with what to type. */
export function unreachable(host: Host, said: string): UnreachableError {
  const cause = CAUSES.find((one) => one.said.test(said));
  const output = said.trimEnd() === "" ? [] : said.trimEnd().split("\n").slice(-12);
  return new UnreachableError(`${host.name} ${cause?.is ?? "could not be reached"}`, {
    host: host.name,
    output,
    next: typedSsh(host),
  });
}

/** A shell word that was not there on the host, or another end of what should have answered. */
export const noAnswer = (host: Host, status: number | null, said: string): UnreachableError =>
  status === 255 ? unreachable(host, said) : silent(host, status, said);

function silent(host: Host, status: number | null, said: string): UnreachableError {
  const how = status === null ? "did not answer in time" : `gave no shell: its login ended with exit code ${status}`;
  const output = said.trimEnd() === "" ? [] : said.trimEnd().split("\n").slice(-12);
  return new UnreachableError(`${host.name} ${how}`, { host: host.name, output, next: typedSsh(host) });
}
