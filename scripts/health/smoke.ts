import { InterruptedError } from "../core/errors.ts";
import { ask, showFailure, showRequest, type Reply, type Request } from "./http.ts";
import { isWanted, showReply } from "./probe.ts";
import { showMs, withLimit } from "./time.ts";

/** A request of the manifest's `smoke`; `expect.json` must be contained in the answer. */
export interface SmokeRequest extends Request {
  expect?: { status?: number | readonly number[] | undefined; json?: unknown; text?: string | undefined } | undefined;
}

export interface SmokeResult {
  ok: boolean;
  /** The first request that failed, what was wanted and what it answered. */
  reason?: string;
}

const BODY_LIMIT = 4 * 1024 * 1024;
const SHOWN_CHARACTERS = 300;

/**
 * Tries the requests in order and stops at the first that fails or takes longer than `limit` ms; redirects are not followed.
 * @throws InterruptedError when `signal` aborts.
 */
export async function smoke(
  requests: readonly SmokeRequest[],
  signal: AbortSignal | undefined,
  limit = 10_000,
): Promise<SmokeResult> {
  for (const request of requests) {
    const reason = await withLimit(limit, signal, (cut) => tryRequest(request, cut));
    if (signal?.aborted) throw new InterruptedError("interrupted during the smoke requests");
    if (reason !== undefined) return { ok: false, reason };
  }
  return { ok: true };
}

async function tryRequest(request: SmokeRequest, signal: AbortSignal): Promise<string | undefined> {
  const began = performance.now();
  try {
    const reply = await ask(request, BODY_LIMIT, signal);
    const complaint = complaintOf(reply, request.expect ?? {});
    const start = reply.body.slice(0, SHOWN_CHARACTERS);
    return (
      complaint && `${showRequest(request)} → ${showReply(reply)}, ${complaint}; it answered ${JSON.stringify(start)}`
    );
  } catch (error) {
    const why = signal.aborted ? `no answer in ${showMs(performance.now() - began)}` : showFailure(error);
    return `${showRequest(request)} → ${why}`;
  }
}

function complaintOf(reply: Reply, expect: NonNullable<SmokeRequest["expect"]>): string | undefined {
  if (!isWanted(reply.status, expect.status)) return `wanted ${[expect.status ?? "2xx"].flat().join(" or ")}`;
  if (expect.text !== undefined && !reply.body.includes(expect.text))
    return `wanted ${JSON.stringify(expect.text)} in its body`;
  if (expect.json !== undefined && !isJsonWithin(expect.json, reply.body))
    return `wanted ${JSON.stringify(expect.json)} in its JSON`;
  return undefined;
}

function isJsonWithin(wanted: unknown, text: string): boolean {
  try {
    return isWithin(wanted, JSON.parse(text));
  } catch {
    return false;
  }
}

/** Whether `actual` has all that `wanted` has: objects may hold more keys, arrays match item by item. */
export function isWithin(wanted: unknown, actual: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return wanted === actual;
  if (typeof actual !== "object" || actual === null || Array.isArray(wanted) !== Array.isArray(actual)) return false;
  if (Array.isArray(wanted) && wanted.length !== (actual as unknown[]).length) return false;
  return Object.entries(wanted).every(
    ([key, value]) => Object.hasOwn(actual, key) && isWithin(value, (actual as Record<string, unknown>)[key]),
  );
}
