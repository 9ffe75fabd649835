import { command } from "../core/step.ts";
import { COMMANDS } from "../host/umbrella.ts";
import { type Neutral, plain } from "./neutral.ts";

/** A command as it is typed in the checkout: `ops/release/rollback.ts --env dev`, or for hosts `ops/deploy.ts rollback prod`. */
export function typed({ context, hosts, manifestName }: Neutral, line: string): string {
  const [name = "", ...args] = line.split(" ");
  const { environment } = context.loaded;
  const word = COMMANDS.find(({ ops }) => ops === name)?.word;
  if (hosts.length === 0) return [`ops/${name}.ts`, ...context.flags.map(plain), ...args].join(" ");
  const named = manifestName === "deploy.yaml" ? [] : ["--manifest", command(manifestName)];
  if (word === undefined) return [`ops/${name}.ts`, ...named, "--env", environment, ...args].join(" ");
  // What a release is made of comes first, as in `deploy release v2.0.0 prod`.
  const words = word === "release" ? [...args, environment] : [environment, ...args];
  return ["ops/deploy.ts", word, ...words, ...named].join(" ");
}
