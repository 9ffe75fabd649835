import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { FailedError } from "../core/errors.ts";
import { Connections } from "./connections.ts";
import { type Access, type Refusal, refusalOf } from "./guard.ts";
import { type Limits, LIMITS } from "./limits.ts";
import { problem, PROBLEM_TYPE, problemResponse, SAFE_HEADERS } from "./problem.ts";
import type { Requests } from "./requests.ts";

export interface Serving {
  port: number;
  /** Ends it: no new connection, and those that are answered have a few seconds. */
  end(): Promise<void>;
}

export interface ServeOptions {
  app: Hono;
  access: Access;
  requests: Requests;
  address: string;
  port: number;
  limits?: Limits;
}

/** Answers until it is ended. @throws FailedError where it cannot listen. */
export async function serveApp(options: ServeOptions): Promise<Serving> {
  const { limits = LIMITS } = options;
  const answer = listenerOf(options);
  const server = createServer(
    {
      maxHeaderSize: limits.headBytes,
      headersTimeout: limits.head,
      requestTimeout: limits.head,
      keepAliveTimeout: limits.idle,
      connectionsCheckingInterval: Math.min(1_000, limits.head),
      // An answer of ours says what is wrong.
      requireHostHeader: false,
    },
    answer,
  );
  // Nobody is told to go on: what would come is a body.
  server.on("checkContinue", answer);
  server.on("clientError", refuseUnreadable);
  const connections = new Connections(server, limits);
  await listening(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    end: () => connections.end(),
  };
}

function listenerOf({ app, access, requests }: ServeOptions) {
  const answer = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    errorHandler: () => problemResponse(400, "this is no address"),
  });
  return (request: IncomingMessage, response: ServerResponse) => {
    const { method = "", url: target = "", rawHeaders } = request;
    const refusal = refusalOf({ method, target, rawHeaders }, access);
    if (!refusal) return void answer(request, response);
    requests.count(method, "refused", refusal.status);
    refuse(request, response, refusal);
  };
}

/** What comes after a head that is refused is not read. */
function refuse(request: IncomingMessage, response: ServerResponse, { status, detail, headers }: Refusal): void {
  const body = JSON.stringify(problem(status, detail));
  response.writeHead(status, {
    ...SAFE_HEADERS,
    "content-type": PROBLEM_TYPE,
    "cache-control": "no-store",
    "content-length": Buffer.byteLength(body),
    connection: "close",
    ...headers,
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** How long, in ms, a client that sends what is no request has for reading why. */
const LINGER = 500;

const UNREADABLE: Record<string, [status: number, detail: string]> = {
  HPE_HEADER_OVERFLOW: [431, "the request's head is too long"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "the request took too long to come"],
};

/** A request that is none: answered without its routes, and its connection closed. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const [status, detail] = UNREADABLE[error.code ?? ""] ?? [400, "this is no HTTP request"];
  const said = problem(status, detail);
  const body = JSON.stringify(said);
  socket.end(
    `HTTP/1.1 ${status} ${said.title}\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  setTimeout(() => socket.destroy(), LINGER).unref();
}

async function listening(server: Server, { address, port }: ServeOptions): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen({ host: address, port }, resolve);
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      EADDRINUSE: `port ${port} of ${address} is taken by another program`,
      EACCES: `${address} port ${port} may not be listened on: below 1024 that is for root`,
      EADDRNOTAVAIL: `${address} is no address of this machine`,
    };
    throw new FailedError(reasons[code ?? ""] ?? `cannot listen on ${address} port ${port}: ${message}`, {
      next: `ops/release/release-registry.ts serve --port ${port < 1024 ? 8787 : port + 1}`,
      cause: error,
    });
  }
}
