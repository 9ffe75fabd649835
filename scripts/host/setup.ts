import { answer, type Call, type Flags } from "../core/entry.ts";
import { change } from "../core/change.ts";
import { EXIT, FailedError, InterruptedError } from "../core/errors.ts";
import type { LoadedManifest } from "../manifest/loaded.ts";
import { chosenHosts } from "../fleet/chosen.ts";
import { connectAll } from "../fleet/deploy.ts";
import { Hosts } from "../fleet/real.ts";
import { callThere } from "../remote/call.ts";
import type { Connection } from "../remote/connection.ts";
import { prepareShared } from "../release/prepare_shared.ts";
import { type PutOptions, putSuite } from "../setup/put-suite.ts";
import { SetupShow } from "../setup/show.ts";
import { lackingThere, refuseWithoutTools } from "../setup/tree-state.ts";
import { suiteVersion } from "../suite/install.ts";
import { putMissingSecrets } from "./secrets.ts";

export interface SetupOptions extends PutOptions {
  warn: (line: string) => void;
  /** What `prepare_shared` prints on the host, as it comes. */
  onOut: (text: string) => void;
  onErr: (text: string) => void;
  /** A version of the suite that is there already is compared with the one here; default: its being there is enough. */
  isThorough?: boolean;
}

/** Whether the host has a tree, and this version of the suite in it. */
export const isSetUp = ({ hasTree, suites }: Connection): boolean => hasTree && suites.includes(suiteVersion());

/**
 * Sets a host up: the suite and its runtime, the secrets that are missing, the tree. What is there already stays.
 * @throws SwitchbackError; what was done until then is gone on with the next time.
 */
export const setUp = async (
  connection: Connection,
  loaded: LoadedManifest,
  options: SetupOptions,
): Promise<Connection> => (await makeReady(connection, loaded, options)).connection;

async function makeReady(connection: Connection, loaded: LoadedManifest, options: SetupOptions) {
  await refuseWithoutTools(connection);
  const version = suiteVersion();
  const isThere = connection.suites.includes(version);
  const isPut = (!isThere || options.isThorough === true) && (await putSuite(connection, options));
  const now = { ...connection, suites: [...new Set([...connection.suites, version])] };
  const created = await putMissingSecrets(now, loaded, options.warn);
  for (const { shared } of created) options.say(`shared/${shared} created`);
  const lacking = await lackingThere(now, loaded);
  if (lacking.length > 0) await prepare(now, loaded, options);
  return { connection: { ...now, hasTree: true }, isChanged: isPut || created.length > 0 || lacking.length > 0 };
}

async function prepare(connection: Connection, loaded: LoadedManifest, { onOut, onErr }: SetupOptions): Promise<void> {
  const ended = await callThere(connection, loaded, { command: "release/prepare_shared", words: [], onOut, onErr });
  const { name } = connection.host;
  if (ended.isLost)
    throw new FailedError(`${name}: the connection was lost; the host goes on by itself`, { host: name });
  if (ended.exit === EXIT.interrupted) throw new InterruptedError(`${name}: interrupted`, { host: name });
  if (ended.exit !== EXIT.done)
    throw new FailedError(`${name}: the tree is not ready; what it lacks is said above`, { host: name });
}

/** `deploy setup`: every host of the environment at the same time; without hosts, the tree here. */
export async function setup(call: Call<unknown>): Promise<number> {
  const { loaded } = await call.context({ isForHosts: true });
  if (loaded.hosts.length === 0) {
    await change(call, prepareShared, { phase: "link" });
    return EXIT.done;
  }
  const hosts = new Hosts(loaded, chosenHosts(loaded.hosts, call.options.on?.split(",")));
  const connections = await connectAll(hosts, hosts.hosts);
  if (call.options.dryRun) return foretell(connections, loaded, call.options);
  const show = new SetupShow(hosts);
  try {
    const settled = await Promise.allSettled(
      connections.map(async (connection) => {
        const options = { ...show.optionsFor(connection.host), isThorough: true };
        const { isChanged } = await makeReady(connection, loaded, options).finally(options.end);
        show.say(connection.host, isChanged ? "is set up" : "is set up already; nothing was changed");
        return { host: connection.host.name, is_changed: isChanged };
      }),
    );
    const failed = settled.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    if (failed.length > 0) throw show.summed(failed);
    if (call.options.json)
      answer(
        call.options,
        settled.map((one) => one.status === "fulfilled" && one.value),
        "",
      );
    return EXIT.done;
  } finally {
    show.end();
  }
}

/** What a setup would do; asks the hosts, and changes nothing. */
async function foretell(connections: Connection[], loaded: LoadedManifest, flags: Flags): Promise<number> {
  const version = suiteVersion();
  const all = await Promise.all(
    connections.map(async (connection) => {
      await refuseWithoutTools(connection);
      const { host, platform, deployTo, suites } = connection;
      const lacking = await lackingThere(connection, loaded);
      const suite = suites.includes(version)
        ? []
        : [`put the suite ${version} with the runtime for ${platform} into ${deployTo}/suite`];
      const tree = lacking.length === 0 ? [] : [`make in ${deployTo}: ${lacking.join(", ")}`];
      return { host: host.name, would: [...suite, ...tree] };
    }),
  );
  const text = all.flatMap(({ host, would }) =>
    (would.length > 0 ? would : ["change nothing"]).map((one) => `${host}: would ${one}`),
  );
  answer(flags, all, text.join("\n"));
  return EXIT.done;
}
