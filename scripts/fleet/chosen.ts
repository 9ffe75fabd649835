import { UsageError } from "../core/errors.ts";
import type { Host } from "../manifest/loaded.ts";
import { nearest } from "../manifest/near.ts";

/** The environment's hosts, or those of them that `--on` names, in the manifest's order. @throws UsageError for another name. */
export function chosenHosts(hosts: readonly Host[], on: readonly string[] | undefined): Host[] {
  if (!on || on.length === 0) return [...hosts];
  const unknown = on.find((name) => !hosts.some((host) => isCalled(host, name)));
  if (unknown === undefined) return hosts.filter((host) => on.some((name) => isCalled(host, name)));
  const names = hosts.map(({ name }) => name);
  const [near] = nearest(unknown, names);
  throw new UsageError(
    `${unknown} is none of the environment's hosts: ${names.join(", ")}${near === undefined ? "" : `; did you mean ${near}?`}`,
  );
}

/** As the manifest has it, or by the name alone. */
const isCalled = ({ name }: Host, word: string) => name === word || shortName(name) === word;

const shortName = (name: string) => name.replace(/^[^@]*@/, "").replace(/:\d+$/, "");

/** What each host is called on a screen: its name without account and port, where that tells them apart. */
export function titlesOf(hosts: readonly Host[]): Map<Host, string> {
  const short = hosts.map(({ name }) => shortName(name));
  const isTelling = new Set(short).size === short.length;
  return new Map(hosts.map((host) => [host, isTelling ? shortName(host.name) : host.name]));
}
