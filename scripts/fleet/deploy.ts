import { type ErrorDetails, EXIT, InterruptedError, SwitchbackError, UsageError } from "../core/errors.ts";
import type { Host } from "../manifest/loaded.ts";
import type { Connection } from "../remote/connection.ts";
import type { Staged } from "../upload/send.ts";
import { type Ending, exitOf, isDone, worstOf } from "./ending.ts";
import type { Fleet } from "./fleet.ts";
import { together } from "./together.ts";
import { hadAlready, type HostOutcome, switchHosts } from "./switching.ts";

/** What a host says of the release that is current there. */
export interface Standing {
  id: string | undefined;
  sha: string | undefined;
  isServing: boolean;
}

/** What a deployment needs beside giving commands. */
export interface Deploying extends Fleet {
  /** @throws UnreachableError */
  connect: (host: Host) => Promise<Connection>;
  stage: () => Promise<Staged>;
  /** Sets hosts up where they are not, and puts the secrets there that are missing; answers with what the hosts are then. */
  prepare: (connections: Connection[]) => Promise<Connection[]>;
  /** To all of them. @throws SwitchbackError when it could not be sent to one. */
  upload: (connections: Connection[], staged: Staged) => Promise<void>;
  look: (host: Host) => Promise<Standing>;
}

export interface Deployment {
  hosts: Host[];
  /** Hosts that are switched at a time. */
  size: number;
  /** Options for the build there, and for the switch there. */
  buildWords: string[];
  switchWords: string[];
}

/** What came of it: the hosts that were switched, or not even begun. */
export interface Deployed {
  id: string;
  outcomes: HostOutcome[];
}

/**
 * Puts a release on several hosts: prepared everywhere first, then switched in batches.
 * @throws SwitchbackError when it failed before a first host was switched.
 */
export async function deployTo(
  fleet: Deploying,
  { hosts, size, buildWords, switchWords }: Deployment,
): Promise<Deployed> {
  const { staged, connections, had } = await bring(fleet, hosts);
  const { id } = staged;
  const rest = connections.filter(({ host }) => !had.includes(host));
  await buildAll(fleet, rest, ["--uploaded", id, ...buildWords]);
  const targets = rest.map(({ host, currentId }) => ({ host, previous: currentId }));
  const words = [id, ...switchWords];
  const switched = await switchHosts(fleet, { targets, command: "release/switch_current", words, size });
  if (switched.every(({ outcome }) => outcome === "switched")) await pruneAll(fleet, rest);
  return { id, outcomes: hosts.map((host) => switched.find((one) => one.host === host) ?? hadAlready(host, id)) };
}

/**
 * Brings a release's files to the hosts, all of which are looked at before anything is begun, as the ref is.
 * @param isEachMeant also to hosts that have the release already
 */
export async function bring(fleet: Deploying, hosts: Host[], { isEachMeant = hosts.length === 1 } = {}) {
  await connectAll(fleet, hosts);
  const staged = await fleet.stage();
  stopIfInterrupted(fleet);
  const connections = await fleet.prepare(await connectAll(fleet, hosts));
  const had = isEachMeant ? [] : await haveAlready(fleet, connections, staged);
  const rest = connections.filter(({ host }) => !had.includes(host));
  stopIfInterrupted(fleet);
  if (rest.length > 0) await fleet.upload(rest, staged);
  stopIfInterrupted(fleet);
  return { staged, connections, had };
}

function stopIfInterrupted(fleet: Fleet): void {
  if (fleet.isInterrupted()) throw new InterruptedError("interrupted; nothing was switched");
}

/** @throws FailedError that names every host that is down, UsageError for one that is named twice; nothing was begun. */
export async function connectAll(fleet: Pick<Deploying, "connect" | "titleOf">, hosts: Host[]): Promise<Connection[]> {
  const connections = await together(
    fleet,
    hosts.map((host) => ({ host })),
    "cannot be reached; nothing was begun",
    ({ host }) => fleet.connect(host),
  );
  refuseTwice(fleet, connections);
  return connections;
}

/** One tree under two names would be written to by two uploads and switched twice. */
function refuseTwice(fleet: Pick<Deploying, "titleOf">, connections: Connection[]): void {
  const isSame = (one: Connection, other: Connection) =>
    one.machine !== undefined && one.machine === other.machine && one.deployTo === other.deployTo;
  for (const [index, one] of connections.entries()) {
    const twin = connections.slice(0, index).find((other) => isSame(one, other));
    if (twin)
      throw new UsageError(
        `${fleet.titleOf(twin.host)} and ${fleet.titleOf(one.host)} are the same machine, and ${one.deployTo} the same tree: name it once among the environment's hosts; nothing was begun`,
      );
  }
}

/** The hosts on which the release is current and serves. @throws UsageError where one of them built that id from another commit. */
async function haveAlready(fleet: Deploying, connections: Connection[], { id, sha }: Staged): Promise<Host[]> {
  const same = connections.filter(({ currentId }) => currentId === id);
  const standing = await Promise.all(same.map(async ({ host }) => ({ host, is: await fleet.look(host) })));
  const other = standing.find(({ is }) => is.sha !== undefined && !sha.startsWith(is.sha) && !is.sha.startsWith(sha));
  if (other)
    throw new UsageError(
      `${fleet.titleOf(other.host)} has ${id} from commit ${other.is.sha?.slice(0, 12)}, and this one is ${sha.slice(0, 12)}: choose another id`,
    );
  const had = standing.filter(({ is }) => is.id === id && is.isServing).map(({ host }) => host);
  for (const host of had) fleet.say(`${fleet.titleOf(host)} has it already`);
  return had;
}

/** Builds on all hosts at the same time. @throws SwitchbackError unless it is built on each; nothing was switched. */
export async function buildAll(fleet: Fleet, connections: Connection[], words: string[]): Promise<void> {
  const endings = await Promise.all(
    connections.map(async ({ host }) => ({
      host,
      ending: await fleet.give({ host, command: "release/build_release", words }),
    })),
  );
  const failed = endings.filter(({ ending }) => !isDone(ending));
  if (failed.length === 0) return;
  const built = endings.filter(({ ending }) => isDone(ending)).map(({ host }) => fleet.titleOf(host));
  throw new BuildError(
    [
      `it was not built on ${failed.map(({ host }) => fleet.titleOf(host)).join(", ")}; nothing was switched`,
      ...(built.length > 0 ? [`it stays built on ${built.join(", ")}`] : []),
    ].join("; "),
    failed.map(({ ending }) => ending),
    {
      output: failed.flatMap(({ host, ending }) => wordsOf(fleet.titleOf(host), ending)),
      next: [...new Set(failed.flatMap(({ host, ending }) => nextOf(fleet, host, ending)))],
    },
  );
}

function nextOf({ typed }: Fleet, host: Host, ending: Ending): string[] {
  if (ending.end === "lost") return [];
  if (ending.end === "unreachable") return ending.next;
  return (ending.answer.next ?? []).map((line) => typed?.(host, line) ?? line);
}

const wordsOf = (title: string, ending: Ending): string[] => {
  if (ending.end === "lost") return [`${title}: the connection was lost: the host goes on by itself`];
  if (ending.end === "unreachable") return [`${title}: ${ending.message}`];
  return ending.answer.error ? [`${title}: ${ending.answer.error}`] : [];
};

/** The exit code is that of the hosts where they agree, else 1. */
export class BuildError extends SwitchbackError {
  override readonly exit;

  constructor(message: string, endings: Ending[], details: Pick<ErrorDetails, "output" | "next">) {
    super(message, details);
    // One that was cut off, by its host's restart, has touched nothing that serves: nobody has to look.
    const exits = endings.map(exitOf).map((exit) => (exit === EXIT.stranded ? EXIT.failed : exit));
    const isOne = exits.every((exit) => exit === exits[0]);
    this.exit = (exits.includes(EXIT.interrupted) ? EXIT.interrupted : isOne ? worstOf(exits) : EXIT.failed) as 1;
  }
}

/** Old releases go at the end; one that stays is no failure of the deployment. */
async function pruneAll(fleet: Fleet, connections: Connection[]): Promise<void> {
  await Promise.all(
    connections.map(async ({ host }) => {
      const ending = await fleet.give({ host, command: "release/prune", words: ["--quiet"], isQuiet: true });
      const title = fleet.titleOf(host);
      if (!isDone(ending)) fleet.warn(["old releases were not pruned", ...wordsOf(title, ending)].join("; "));
      else if (ending.end === "exited" && ending.answer.message) fleet.say(`${title}: ${ending.answer.message}`);
    }),
  );
}
