import type { Context } from "../core/context.ts";
import { answer, type Call, type Flags } from "../core/entry.ts";
import { EXIT, FailedError } from "../core/errors.ts";
import { command } from "../core/step.ts";
import { atOnce } from "../fleet/batches.ts";
import { chosenHosts } from "../fleet/chosen.ts";
import { connectAll } from "../fleet/deploy.ts";
import { Hosts } from "../fleet/real.ts";
import type { LoadedManifest } from "../manifest/loaded.ts";
import type { Connection } from "../remote/connection.ts";
import type { FileState } from "../secrets/message.ts";
import { createMissing } from "../secrets/missing.ts";
import { type Shelf, shelfHere, shelfThere } from "../secrets/shelf.ts";
import { takeAll, type Vault, vaultOf } from "../secrets/vault.ts";
import { reporter } from "../terminal/reporter.ts";
import { renderTable } from "../text/table.ts";
import { suiteVersion } from "../suite/install.ts";

export interface SecretsOptions {
  check?: boolean;
  missing?: boolean;
  receive?: boolean;
}

/** What became of one file, as `--json` has it; no host: here. */
interface Row {
  host?: string;
  path: string;
  state: string;
}

/** How many hosts are written to at the same time. */
const AT_ONCE = 8;

/** `deploy secrets`: writes what `value_from` gives, compares it, or creates what is missing. */
export async function secrets(call: Call<SecretsOptions>): Promise<number> {
  const context = await call.context({ isForHosts: true });
  const { loaded } = context;
  const vault = vaultOf(loaded);
  if (vault.files.length === 0) {
    answer(call.options, [], `${loaded.file} has no linked file with a value_from: there is nothing to write.`);
    return EXIT.done;
  }
  const verb = verbOf(call.options);
  // Before any host is asked: a passphrase is entered once, and what is not to be had stops all of it.
  if (verb !== "create") takeAll(vault);
  const shelves = await shelvesOf(context, call.options.on);
  const failures: unknown[] = [];
  const tried = (shelf: Shelf) => rowsOf(verb, shelf, vault).catch((error: unknown) => (failures.push(error), []));
  const rows = (await atOnce(shelves, AT_ONCE, tried)).flat();
  // What was done is said, also where another host failed.
  if (failures.length === 0 || !call.options.json) answer(call.options, rows, showRows(rows));
  if (failures.length > 0) throw failures[0];
  const hasNews = rows.some(({ state }) => state !== "unchanged" && state !== "there");
  if (hasNews && verb === "write" && !call.options.json) reporter().say(restartLine(loaded, context));
  return hasNews && verb === "compare" && !call.options.dryRun ? EXIT.failed : EXIT.done;
}

/** Those of a host, for whoever sends it something: creates what is missing, and warns of what differs. */
export const putMissingSecrets = (
  connection: Connection,
  loaded: LoadedManifest,
  warn?: (line: string) => void,
): Promise<FileState<"created">[]> => createMissing(shelfThere(connection), vaultOf(loaded), warn);

/** As a step of an operation that holds the tree's lock. */
export async function applyMissingSecrets({ paths, loaded }: Context): Promise<void> {
  for (const { shared } of await createMissing(shelfHere(paths, { isLocked: true }), vaultOf(loaded)))
    reporter().detail(`shared/${shared} created`);
}

type Verb = "write" | "compare" | "create";

function verbOf({ check, missing, dryRun }: SecretsOptions & Flags): Verb {
  if (check || dryRun) return "compare";
  return missing ? "create" : "write";
}

const COLUMNS = [
  { title: "host", cell: ({ host = "" }: Row) => host },
  { title: "file", cell: ({ path }: Row) => path },
  { title: "state", cell: ({ state }: Row) => state },
];

const showRows = (rows: Row[]) => renderTable(COLUMNS, rows).slice(1).join("\n");

async function rowsOf(verb: Verb, shelf: Shelf, vault: Vault): Promise<Row[]> {
  const states = await statesOf(verb, shelf, vault);
  const pathOf = (shared: string) => vault.files.find((file) => file.shared === shared)?.path ?? shared;
  const host = shelf.host === undefined ? {} : { host: shelf.host };
  return states.map(({ shared, state }) => ({ ...host, path: pathOf(shared), state }));
}

function statesOf(verb: Verb, shelf: Shelf, vault: Vault): Promise<FileState<string>[]> {
  if (verb === "create") return createMissing(shelf, vault);
  return verb === "compare" ? shelf.look(takeAll(vault)) : shelf.write(takeAll(vault));
}

async function shelvesOf({ loaded, paths }: Context, on: Flags["on"]): Promise<Shelf[]> {
  if (loaded.hosts.length === 0) return [shelfHere(paths)];
  const hosts = new Hosts(loaded, chosenHosts(loaded.hosts, on?.split(",")));
  const connections = await connectAll(hosts, hosts.hosts);
  const bare = connections.filter(({ suites }) => !suites.includes(suiteVersion()));
  if (bare.length > 0)
    throw new FailedError(
      `${bare.map(({ host }) => host.name).join(", ")}: this version of the suite is not there yet`,
      {
        next: `deploy setup ${loaded.environment}`,
      },
    );
  return connections.map(shelfThere);
}

const restartLine = ({ environment, hosts }: LoadedManifest, { opsPath, flags }: Context) =>
  `Running services see what changed at their next restart: ${
    hosts.length > 0 ? `deploy restart ${environment}` : command(`${opsPath}/service/restart.ts`, ...flags)
  }`;
