import path from "node:path";
import { suitePath } from "../core/context.ts";
import { command } from "../core/step.ts";
import type { Host, LoadedManifest } from "../manifest/loaded.ts";

/** A command of the suite as it is typed here, for one host of an environment, or for all. */
export function type(loaded: LoadedManifest, name: string, words: readonly string[], host?: Host): string {
  const { filePath, environment } = loaded;
  const aim = ["--manifest", filePath, ...(environment === undefined ? [] : ["--env", environment])];
  const on = host === undefined || loaded.hosts.length < 2 ? [] : ["--on", host.name];
  return command(path.join(suitePath, "ops", `${name}.ts`), ...aim, ...on, ...words);
}

const SUITE_COMMAND =
  /^'?(?:\S*\/)?ops\/([a-z_]+\/[a-z_-]+)\.ts'?(?: --manifest (?:'[^']*'|\S+))?(?: --env \S+)?(?= |$)/;

/** What a host said to type, as it is typed here: the suite's own commands with `--on`; undefined for anything else. */
export function suiteLine(loaded: LoadedManifest, host: Host, line: string): string | undefined {
  const [ours, name] = SUITE_COMMAND.exec(line) ?? [];
  return ours === undefined || name === undefined
    ? undefined
    : `${type(loaded, name, [], host)}${line.slice(ours.length)}`;
}

/** Likewise; anything else with the host that it is for. */
export const typedHere = (loaded: LoadedManifest, host: Host, line: string): string =>
  suiteLine(loaded, host, line) ?? `${line}   # on ${host.name}`;
