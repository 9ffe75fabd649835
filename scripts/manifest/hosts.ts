import type { Environment } from "../../manifest.schema.ts";
import type { Host } from "./loaded.ts";
import { isPlainMap, type PlainMap } from "./merge.ts";

/** Whether an environment of a manifest that is not checked yet lives on other machines. */
export function hasHosts({ environments }: PlainMap, environment: string): boolean {
  const own = isPlainMap(environments) ? environments[environment] : undefined;
  const hosts = isPlainMap(own) ? own["hosts"] : undefined;
  return typeof hosts === "string" || (Array.isArray(hosts) && hosts.length > 0);
}

/** The hosts of an environment: what a host's own line says beats the environment's `user` and `port`. */
export const hostsOf = ({ hosts = [], user, port }: Pick<Environment, "hosts" | "user" | "port">): Host[] =>
  hosts.map((name) => {
    const [, account = user, machine = "", ownPort] = /^(?:([^@]+)@)?(.*?)(?::(\d+))?$/.exec(name) ?? [];
    const chosen = ownPort === undefined ? port : Number(ownPort);
    return {
      name,
      destination: account === undefined ? machine : `${account}@${machine}`,
      ...(chosen === undefined ? {} : { port: chosen }),
    };
  });
