import dns from "node:dns/promises";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import { suitePath } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import type { Paths } from "../core/paths.ts";
import { reporter } from "../terminal/reporter.ts";
import { type Access, isLoopback } from "./guard.ts";
import { observeTreeSize } from "./metrics.ts";
import { Requests } from "./requests.ts";
import { observeToken } from "./token.ts";
import { treeReader } from "./tree-reader.ts";

/** What `serve` was told, by its words or else by the manifest's `registry.serve`. */
export interface ServeChoice {
  host: string;
  port: number;
  tokenFile?: string | undefined;
  allowedHosts: string[];
}

/** Answers on the release API, and on the page at `/`, until a signal ends it. @throws UsageError, FailedError before it listens. */
export async function serveRegistry(paths: Paths, choice: ServeChoice, manifest: Manifest | undefined): Promise<void> {
  const address = await addressOf(choice.host);
  const access = accessOf(choice, address, observeToken(choice.tokenFile, process.env));
  const { app, requests, end } = await createApi(paths, manifest?.app);
  const { serveApp } = await import("./server.ts");
  const serving = await serveApp({ app, access, requests, address, port: choice.port });
  reporter().say(`${paths.deployTo} is told of at http://${shown(address)}:${serving.port}/`);
  await ended();
  await serving.end();
  end();
}

/** What answers for a tree: the API, and the page. What is heavy is loaded here, and by nothing else. */
export async function createApi(paths: Paths, name: string | undefined) {
  const [{ createApp }, { pageRoutes }] = await Promise.all([import("./app.ts"), import("../page/routes.ts")]);
  const reader = treeReader(paths, { app: name });
  const requests = new Requests();
  const app = createApp({
    reader,
    version: suiteVersion(),
    summary: () => reader.summary(),
    tree: () => observeTreeSize(paths),
    requests,
    pages: pageRoutes(reader, { app: name }),
    onFault: (error) => reporter().warn(error.stack ?? error.message),
  });
  return { app, requests, end: () => reader.close() };
}

/** The address that a name stands for: whether it is loopback has to be known, and not believed. */
async function addressOf(host: string): Promise<string> {
  try {
    return (await dns.lookup(host.replace(/^\[(.*)\]$/, "$1"))).address;
  } catch (error) {
    throw new UsageError(`--host: ${JSON.stringify(host)} is no address of this machine`, { cause: error });
  }
}

function accessOf({ host, allowedHosts }: ServeChoice, address: string, token: string | undefined): Access {
  if (token === undefined && !isLoopback(address))
    throw new UsageError(
      `whoever reaches ${host} would read the registry: a token is needed on any address but loopback`,
      {
        next: [
          "(umask 077; openssl rand -hex 32 >api-token)",
          `ops/release/release-registry.ts serve --host ${host} --token-file api-token`,
        ],
      },
    );
  return {
    token,
    hosts: new Set([host, address, os.hostname(), ...allowedHosts].map((name) => name.toLowerCase())),
    hasEveryAddress: ["0.0.0.0", "::"].includes(address),
  };
}

const shown = (address: string) => (net.isIPv6(address) ? `[${address}]` : address);

function suiteVersion(): string {
  return (JSON.parse(fs.readFileSync(path.join(suitePath, "package.json"), "utf8")) as { version: string }).version;
}

/** Until a terminal or a service manager has had enough of it. */
const ended = () =>
  new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
