import path from "node:path";
import { UsageError } from "../core/errors.ts";
import { BUILDING } from "../core/paths.ts";
import { quote } from "../core/step.ts";
import { asOwner } from "../remote/as-owner.ts";
import type { Connection } from "../remote/connection.ts";
import { runThere } from "../remote/ssh.ts";
import type { Staged } from "./staged.ts";

/**
 * The hosts that a staged release has to be sent to: the others have built it, from the same commit, and take that.
 * @throws UsageError where one has built the id from another commit, before anything is sent
 */
export async function hostsWithout(connections: Connection[], staged: Staged): Promise<Connection[]> {
  const has = await Promise.all(connections.map((connection) => hasBuilt(connection, staged)));
  return connections.filter((_, at) => !has[at]);
}

async function hasBuilt(connection: Connection, { id, sha, isDirty }: Staged): Promise<boolean> {
  const there = await releaseThere(connection, id);
  if (there === undefined || there.sha === "" || sha === "") return false;
  if (!sha.startsWith(there.sha) && !there.sha.startsWith(sha))
    throw new UsageError(
      `${connection.host.name} has ${id} from commit ${there.sha.slice(0, 12)}, and this one is ${sha.slice(0, 12)}: choose another id`,
      { host: connection.host.name },
    );
  return there.sha === sha && !isDirty && !there.isDirty;
}

/** What is built there under an id; undefined: nothing, or nothing that says what it is. */
async function releaseThere(
  connection: Connection,
  id: string,
): Promise<{ sha: string; isDirty: boolean } | undefined> {
  const folder = path.posix.join(connection.deployTo, "releases", id);
  const script = `[ -e ${quote(`${folder}/${BUILDING}`)} ] || cat ${quote(`${folder}/RELEASE.json`)} 2>/dev/null`;
  const { stdout } = await runThere(connection.host, asOwner(connection, script));
  try {
    const { sha, dirty } = JSON.parse(stdout) as { sha?: unknown; dirty?: unknown };
    return typeof sha === "string" ? { sha, isDirty: dirty === true } : undefined;
  } catch {
    return undefined;
  }
}
