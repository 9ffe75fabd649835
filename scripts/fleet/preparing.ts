import { putMissingSecrets } from "../host/secrets.ts";
import { isSetUp, setUp } from "../host/setup.ts";
import type { Connection } from "../remote/connection.ts";
import { SetupShow } from "../setup/show.ts";
import { reporter } from "../terminal/reporter.ts";
import type { Hosts } from "./real.ts";
import { together } from "./together.ts";

/** How many hosts are set up at the same time. */
const AT_ONCE = 4;

/** Sets up the hosts that are not, and puts the secrets there that are missing; answers with what they are then. */
export async function prepareAll(hosts: Hosts, connections: Connection[]): Promise<Connection[]> {
  const isBare = connections.some((one) => !isSetUp(one));
  const ready = isBare ? await setUpAll(hosts, connections) : connections;
  // In turn: a value may come from a program that asks for a passphrase.
  for (const one of ready) {
    const title = hosts.titleOf(one.host);
    const warn = (line: string) => reporter().warn(`${title}: ${line}`);
    for (const { shared } of await putMissingSecrets(one, hosts.loaded, warn))
      reporter().say(`${title}: shared/${shared} created`);
    hosts.know(one);
  }
  return ready;
}

async function setUpAll(hosts: Hosts, connections: Connection[]): Promise<Connection[]> {
  const show = new SetupShow(hosts);
  const one = async (connection: Connection) => {
    if (isSetUp(connection)) return connection;
    const options = show.optionsFor(connection.host);
    return setUp(connection, hosts.loaded, options).finally(options.end);
  };
  try {
    return await together(hosts, connections, "could not be set up; nothing was switched", one, AT_ONCE);
  } finally {
    show.end();
  }
}
