import dns from "node:dns/promises";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { type Context, suitePath } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import type { Paths } from "../core/paths.ts";
import { showAddress } from "../registry/postgres/address.ts";
import { type Target, wantedTarget } from "../registry/postgres/target.ts";
import { reporter } from "../terminal/reporter.ts";
import { type Access, isLoopback } from "./guard.ts";
import { observeTreeSize } from "./metrics.ts";
import { Requests } from "./requests.ts";
import { type LookAtServices, servingLook } from "./serving.ts";
import { observeToken } from "./token.ts";
import { type TreeReader, treeReader } from "./tree-reader.ts";

/** What `serve` was told, by its words or else by the manifest's `registry.serve`. */
export interface ServeChoice {
  host: string;
  port: number;
  tokenFile?: string | undefined;
  allowedHosts: string[];
  /** What every host told the server of `registry.url`, in place of this tree alone. */
  isForAllHosts: boolean;
}

/** Answers on the release API, and on the page at `/`, until a signal ends it. @throws UsageError, FailedError before it listens. */
export async function serveRegistry(paths: Paths, choice: ServeChoice, context: Context | undefined): Promise<void> {
  const target = choice.isForAllHosts ? wantedTarget(context) : undefined;
  const address = await addressOf(choice.host);
  const access = accessOf(choice, address, observeToken(choice.tokenFile, process.env));
  const { app, requests, end } = await createApi(paths, {
    name: context?.manifest.app,
    ...(context && !target ? { isServing: servingLook(context) } : {}),
    target,
  });
  const { serveApp } = await import("./server.ts");
  const serving = await serveApp({ app, access, requests, address, port: choice.port });
  const what = target ? showAddress(target.address) : paths.deployTo;
  reporter().say(`${what} is told of at http://${shown(address)}:${serving.port}/`);
  await ended();
  await serving.end();
  end();
}

/** What the API is to tell of besides a tree's own records. */
export interface ApiChoice {
  /** The application's. */
  name?: string | undefined;
  isServing?: LookAtServices | undefined;
  /** The server to read in place of the tree. */
  target?: Target | undefined;
}

/** What answers for a tree: the API, and the page. What is heavy is loaded here, and by nothing else. */
export async function createApi(paths: Paths, { name, isServing, target }: ApiChoice = {}) {
  const [{ createApp }, { pageRoutes }] = await Promise.all([import("./app.ts"), import("../page/routes.ts")]);
  const own = treeReader(paths, { app: name, isServing });
  const { reader, close } = target ? await ofAllHosts(target, name ?? "", own) : { reader: own, close: () => {} };
  const requests = new Requests();
  const app = createApp({
    reader,
    version: suiteVersion(),
    ...(target ? {} : { summary: () => own.summary(), tree: () => observeTreeSize(paths) }),
    requests,
    pages: pageRoutes(reader, { app: name }),
    onFault: (error) => reporter().warn(error.stack ?? error.message),
  });
  const end = () => {
    close();
    own.close();
  };
  return { app, requests, end };
}

async function ofAllHosts(target: Target, app: string, own: TreeReader) {
  const [{ allHostsReader }, { LastingServer }] = await Promise.all([
    import("./all-hosts.ts"),
    import("../registry/postgres/lasting.ts"),
  ]);
  const server = new LastingServer(target);
  return { reader: allHostsReader(server, app, own), close: () => server.close() };
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
