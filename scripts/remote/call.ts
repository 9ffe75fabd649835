import { randomBytes } from "node:crypto";
import os from "node:os";
import { FailedError } from "../core/errors.ts";
import { command } from "../core/step.ts";
import { userName } from "../core/account.ts";
import { suiteVersion } from "../suite/install.ts";
import type { LoadedManifest } from "../manifest/loaded.ts";
import type { Connection } from "./connection.ts";
import type { Header } from "./header.ts";
import { type Call, type Ended, Pursuit } from "./pursuit.ts";
import type { LineEnd } from "./line.ts";
import { noAnswer } from "./unreachable.ts";

/** Variables that change what a command does; those that name a place are of this machine. */
const PASSED = [
  "DEPLOY_SERVICES",
  "DEPLOY_HEALTHCHECK_CMD",
  "DEPLOY_SKIP_SERVICE_RESTART",
  "DEPLOY_SKIP_HEALTHCHECK",
  "DEPLOY_SKIP_REGISTRY_UPDATE",
  "NO_COLOR",
];

const RECONNECT_SEC = 60;

/**
 * Gives a command on a host, with this machine's manifest. It runs there in a session of its own: a lost connection neither stops nor
 * harms it; it is looked for again for a minute ($SWITCHBACK_RECONNECT_SEC), and what it printed meanwhile is printed then. The first
 * INT or TERM is passed on to it, a second one leaves it to itself.
 * @throws UnreachableError when it could not be begun, or, of a command that only looks, when the connection was lost.
 */
export async function callThere(connection: Connection, loaded: LoadedManifest, call: Call): Promise<Ended> {
  const pursuit = new Pursuit(connection, headerOf(connection, loaded, call), call);
  const outcome = await pursuit.run();
  if ("failed" in outcome) throw notBegun(connection, outcome.failed, loaded.environment);
  return outcome;
}

function headerOf({ deployTo, host }: Connection, loaded: LoadedManifest, call: Call): Header {
  const set = PASSED.flatMap((name) => (process.env[name] ? [[name, process.env[name]] as const] : []));
  const wanted = Number(process.env["SWITCHBACK_RECONNECT_SEC"] || RECONNECT_SEC);
  return {
    token: randomBytes(16).toString("hex"),
    deployTo,
    command: call.command,
    words: call.words,
    manifest: loaded.text,
    environment: loaded.environment ?? "",
    host: host.name,
    env: { ...Object.fromEntries(set), ...call.env },
    from: `${userName()}@${os.hostname()}`,
    isReading: call.isReading === true,
    offsets: { out: 0, err: 0 },
    isStopping: false,
    isDone: false,
    reconnectSec: Number.isFinite(wanted) && wanted >= 0 ? wanted : RECONNECT_SEC,
  };
}

/** sh's own words for a program that is not there, or cannot be run. */
const MISSING = new Set([126, 127]);

function notBegun({ host, deployTo }: Connection, { status, said, isBegun }: LineEnd, environment = ""): FailedError {
  if (!isBegun || !MISSING.has(status ?? -1)) return noAnswer(host, status, said);
  return new FailedError(
    `${host.name} does not have this version of the suite in ${deployTo}/suite: ${suiteVersion()}`,
    {
      host: host.name,
      output: said.trimEnd().split("\n"),
      next: command("deploy", "setup", environment),
    },
  );
}
