import type { Environment } from "../../manifest.schema.ts";
import type { Host } from "./loaded.ts";

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
