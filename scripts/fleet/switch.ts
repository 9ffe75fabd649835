import { FailedError, UsageError } from "../core/errors.ts";
import type { Host } from "../manifest/loaded.ts";
import type { ReleaseStatus } from "../release/status.ts";
import { sizeOfBatch } from "./batches.ts";
import { changeOne, speaking } from "./change.ts";
import { conclude } from "./conclude.ts";
import { connectAll } from "./deploy.ts";
import type { Fleet } from "./fleet.ts";
import type { Giving } from "./give.ts";
import { holdInterrupt } from "./interrupt.ts";
import { statusOf } from "./status.ts";
import { hadAlready, switchHosts } from "./switching.ts";
import { type } from "./typed.ts";

/** What a host has, and where a rollback of it goes. */
export interface Having {
  host: Host;
  currentId: string | undefined;
  rollbackTarget: string | undefined;
  isServing: boolean;
}

/**
 * rollback and switch_current: batch after batch, and when one fails, those that were switched are brought back. A rollback
 * without an id needs the same target on all hosts.
 */
export async function switchOnHosts(giving: Giving): Promise<number> {
  const { hosts, name, typed, loaded, flags } = giving;
  const [named] = typed.bare;
  if (hosts.hosts.length === 1) return changeOne(giving);
  await connectAll(hosts, hosts.hosts);
  const having = await Promise.all(hosts.hosts.map((host) => look(giving, host)));
  const title = (host: Host) => hosts.titleOf(host);
  const id = named ?? sharedTarget(having, title, (one) => type(loaded, name, [one]));
  const { had, rest } = apart(having, id);
  const options = typed.passed.filter((word) => word !== "--json" && word !== named);
  const interrupt = holdInterrupt();
  const fleet: Fleet = {
    ...speaking(hosts),
    give: async (turn) => (await hosts.ask(turn, { fd: flags.json ? 2 : 1 })).ending,
    isInterrupted: interrupt.isInterrupted,
  };
  for (const { host } of had) fleet.say(`${title(host)} has it already`);
  const switched = await switchHosts(fleet, {
    targets: rest.map(({ host, currentId }) => ({ host, previous: currentId })),
    command: name,
    words: [id, ...options],
    size: sizeOfBatch(serialOf(giving), hosts.hosts.length),
  });
  interrupt.end();
  const outcomes = hosts.hosts.map((host) => switched.find((one) => one.host === host) ?? hadAlready(host, id));
  return conclude(giving, { id, outcomes, isInterrupted: interrupt.isInterrupted() });
}

/** `serial` of the environment. */
export const serialOf = ({ loaded }: Pick<Giving, "loaded">): number | string | undefined =>
  loaded.manifest.environments[loaded.environment ?? ""]?.serial;

/** Hosts on which the release is current and serves are left alone. */
export const apart = (having: Having[], id: string): { had: Having[]; rest: Having[] } => {
  const has = (one: Having) => one.currentId === id && one.isServing;
  return { had: having.filter(has), rest: having.filter((one) => !has(one)) };
};

async function look({ hosts }: Giving, host: Host): Promise<Having> {
  const { ending, value, err } = await hosts.ask(
    { host, command: "release/status", words: [] },
    { isReading: true, isShown: false },
  );
  const status = statusOf(value);
  if (status) return havingOf(host, status);
  const output = ending.end === "unreachable" ? [ending.message, ...ending.output] : err.split("\n").filter(Boolean);
  throw new FailedError(`${hosts.titleOf(host)} does not say what is current there; nothing was begun`, {
    output,
    next: ending.end === "unreachable" ? ending.next : [],
  });
}

const havingOf = (host: Host, { current, rollback_target, is_serving }: ReleaseStatus): Having => ({
  host,
  currentId: current?.release_id,
  rollbackTarget: rollback_target ?? undefined,
  isServing: is_serving,
});

/** The release to which a rollback goes on every host. @throws UsageError with each host's own, where they differ. */
export function sharedTarget(
  having: Having[],
  titleOf: (host: Host) => string,
  typeId: (id: string) => string,
): string {
  const targets = new Set(having.map(({ rollbackTarget }) => rollbackTarget));
  const [target] = targets;
  if (targets.size === 1 && target !== undefined) return target;
  const width = Math.max(...having.map(({ host }) => titleOf(host).length));
  const output = having.map(({ host, currentId, rollbackTarget }) =>
    [
      titleOf(host).padEnd(width),
      currentId ?? "nothing",
      "→",
      rollbackTarget ?? "nowhere: no earlier good release",
    ].join(" "),
  );
  if (targets.size === 1) throw new UsageError("there is no earlier good release on the hosts", { output });
  throw new UsageError("a rollback does not go to the same release on all hosts: name the one to go to", {
    output,
    next: [...targets].flatMap((one) => (one === undefined ? [] : [typeId(one)])),
  });
}
