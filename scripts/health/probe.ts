import { ask, isRefusal, showFailure, showRequest, type Reply } from "./http.ts";
import { showMs, withLimit } from "./time.ts";

/** A GET that wants 2xx, or one of `expect.status`, and a body that contains `expect.body`. */
export interface UrlCheck {
  url: string;
  /** The socket to ask at, in place of the URL's host. */
  socketPath?: string | undefined;
  expect?: { status?: number | readonly number[] | undefined; body?: string | undefined } | undefined;
}

/** A connection to `host:port` that is accepted. */
export interface TcpCheck {
  tcp: string;
}

/** Lines for `bash -euo pipefail` that must exit 0; `env` is set on top of this process's environment. */
export interface RunCheck {
  run: string | readonly string[];
  cwd: string;
  env?: Record<string, string> | undefined;
}

export type Check = UrlCheck | TcpCheck | RunCheck;

/** One attempt: `summary` is a line for a person, `body` the start (of a run: the end) of the answer, at most 2 KB. */
export interface Answer {
  ok: boolean;
  summary: string;
  body?: string;
  /** Nobody listens there yet: asking again costs nothing. */
  isRefused?: boolean;
}

const SHOWN_BYTES = 2048;
const SEARCHED_BYTES = 256 * 1024;

/** Tries a check once; one that fails, takes longer than `limit` ms or is cut by `signal` resolves with `ok: false`. */
export function probe(check: Check, signal: AbortSignal | undefined, limit = 5000): Promise<Answer> {
  return withLimit(limit, signal, (cut) => {
    if ("url" in check) return probeUrl(check, cut);
    return "tcp" in check ? probeTcp(check, cut) : probeRun(check, cut);
  });
}

async function probeUrl(check: UrlCheck, signal: AbortSignal): Promise<Answer> {
  const began = performance.now();
  const request = { method: "GET", url: check.url, socketPath: check.socketPath };
  const asked = showRequest(request);
  try {
    const reply = await ask(request, SEARCHED_BYTES, signal);
    const complaint = complaintOf(reply, check);
    const summary = `${asked} → ${showReply(reply)} in ${showMs(performance.now() - began)}${complaint}`;
    return {
      ok: isWanted(reply.status, check.expect?.status) && complaint === "",
      summary,
      body: reply.body.slice(0, SHOWN_BYTES),
    };
  } catch (error) {
    return silence(asked, error, began, signal);
  }
}

function complaintOf(reply: Reply, check: UrlCheck): string {
  const wanted = check.expect?.body;
  return wanted === undefined || reply.body.includes(wanted) ? "" : `, without ${JSON.stringify(wanted)} in its body`;
}

async function probeTcp(check: TcpCheck, signal: AbortSignal): Promise<Answer> {
  const began = performance.now();
  const asked = `connect to ${check.tcp}`;
  try {
    await connectTo(check.tcp, signal);
    return { ok: true, summary: `${asked} → open in ${showMs(performance.now() - began)}` };
  } catch (error) {
    return silence(asked, error, began, signal);
  }
}

async function connectTo(address: string, signal: AbortSignal): Promise<void> {
  // Loaded here: most gates ask a URL, and node:net takes 7 ms.
  const { connect } = await import("node:net");
  const { hostname, port } = new URL(`tcp://${address}`);
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
    const cut = () => socket.destroy(new Error("cut"));
    signal.addEventListener("abort", cut);
    socket.once("connect", () => resolve(void socket.destroy()));
    socket.once("error", reject);
    socket.once("close", () => signal.removeEventListener("abort", cut));
    if (signal.aborted) cut();
  });
}

async function probeRun(check: RunCheck, signal: AbortSignal): Promise<Answer> {
  const { runLines } = await import("./shell.ts");
  const began = performance.now();
  const { code, output } = await runLines(check, signal);
  const asked = `run ${[check.run].flat().join("; ")}`;
  if (signal.aborted) return silence(asked, undefined, began, signal);
  const ending = code === undefined ? "could not run" : `exit ${code}`;
  return { ok: code === 0, summary: `${asked} → ${ending} in ${showMs(performance.now() - began)}`, body: output };
}

function silence(asked: string, error: unknown, began: number, signal: AbortSignal): Answer {
  if (signal.aborted) return { ok: false, summary: `${asked} → no answer in ${showMs(performance.now() - began)}` };
  return { ok: false, summary: `${asked} → ${showFailure(error)}`, isRefused: isRefusal(error) };
}

/** Whether a status is the one wanted; without a wish any 2xx is. */
export function isWanted(status: number, wanted: number | readonly number[] | undefined): boolean {
  return wanted === undefined ? status >= 200 && status < 300 : [wanted].flat().includes(status);
}

/** `503 Service Unavailable`, or the number alone when the server sent no words. */
export function showReply(reply: Reply): string {
  return `${reply.status} ${reply.statusText}`.trim();
}
