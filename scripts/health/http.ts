/** An HTTP request; `url` is http or https, `body` is sent as it is. */
export interface Request {
  method: string;
  url: string;
  /** A local socket to ask at, in place of the URL's host. */
  socketPath?: string | undefined;
  headers?: Record<string, string> | undefined;
  body?: string | undefined;
}

/** What came back: the first `limit` bytes of the body as text. */
export interface Reply {
  status: number;
  statusText: string;
  body: string;
}

const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\]|0\.0\.0\.0|\[::\])$/;

/**
 * Sends one request on a fresh connection and reads at most `limit` bytes of the answer; a redirect is an answer,
 * and not followed. Rejects when there is no whole answer (refused, reset, aborted).
 */
export async function ask(request: Request, limit: number, signal: AbortSignal): Promise<Reply> {
  if (request.socketPath !== undefined) return askLocally(request, limit, signal);
  // Its first request takes 2 ms, one by node:http 15.
  const response = await fetch(request.url, {
    method: request.method,
    headers: { connection: "close", "accept-encoding": "identity", ...request.headers },
    redirect: "manual",
    keepalive: false,
    signal,
    ...(request.body === undefined ? {} : { body: request.body }),
    ...direct(request.url),
  });
  return { status: response.status, statusText: response.statusText, body: await readStart(response, limit) };
}

async function askLocally(
  { method, url, headers, socketPath }: Request,
  limit: number,
  signal: AbortSignal,
): Promise<Reply> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers: { ...headers }, socketPath, signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => void chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          statusText: response.statusMessage ?? "",
          body: Buffer.concat(chunks).subarray(0, limit).toString("utf8"),
        }),
      );
    });
    asked.once("error", reject).end();
  });
}

/** HTTP_PROXY in the environment must not stand between the gate and a service of this machine. */
function direct(url: string): object {
  return LOOPBACK.test(new URL(url).hostname) ? { proxy: false } : {};
}

async function readStart(response: Response, limit: number): Promise<string> {
  if (!response.body) return "";
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit).toString("utf8");
}

/** `GET http://host/path`: a user name, password and query of the URL are left out, since they may be secrets. */
export function showRequest(request: Request): string {
  const url = new URL(request.url);
  return `${request.method} ${url.origin}${url.pathname}`;
}

/** Why a request had no answer, in a few words: `connection refused`, `no answer in 5 s`. */
export function showFailure(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: string };
  if (isRefusal(error)) return "connection refused";
  if (code === "ENOTFOUND") return "host name not found";
  if (code === "ECONNRESET" || code === "ConnectionClosed") return "connection closed before the answer";
  return typeof code === "string" ? code : (message ?? String(error));
}

/** Nobody listens there (yet). */
export function isRefusal(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === "ECONNREFUSED" || code === "ConnectionRefused";
}
