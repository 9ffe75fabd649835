import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { UsageError } from "../core/errors.ts";
import type { TreeFacts } from "../core/observe.ts";
import { quote } from "../core/step.ts";
import { portOfAddress } from "../manifest/address.ts";
import { type ServiceDefinition, serviceOf } from "../service/definition.ts";
import { allDefinitionsOf } from "../service/definitions.ts";
import { readEnvFile } from "../service/env-file.ts";
import { type Finding, note, wrong } from "./finding.ts";

const CHECK = "addresses";

/** Ports that a service's parts disagree on: its `run`, its settings, the checks that ask it. */
export function checkAddresses(context: Context, tree: TreeFacts): Finding[] {
  return [
    ...allDefinitionsOf(context.manifest).flatMap((definition) => [
      ...saidInRun(context.manifest, definition),
      ...saidInFiles(context, tree, definition),
    ]),
    ...asked(context.manifest),
  ];
}

/** Ports at which a service can be asked: the held socket's and its own. */
const portsOf = (manifest: Manifest, { name, port }: ServiceDefinition): number[] => {
  const socket = manifest.services[serviceOf(name)]?.socket;
  const held = socket && portOfAddress(socket.listen);
  return [port, held].filter((one) => one !== undefined);
};

const IN_RUN = /(?:^|\s)(?:--port[= ]|-p ?|(?:--bind|-b|--listen)[= ]\S*?:)(\d{2,5})(?=\s|$)/g;

function saidInRun(manifest: Manifest, definition: ServiceDefinition): Finding[] {
  const ports = portsOf(manifest, definition);
  const key = `services.${definition.name}`;
  const others = [...definition.run.matchAll(IN_RUN)]
    .map(([, port]) => Number(port))
    .filter((one) => !ports.includes(one));
  if (ports.length === 0 || others.length === 0) return [];
  return [
    wrong(CHECK, `${key}.run says port ${others[0]}, and ${key}.port is ${ports[0]}`, `write \${PORT} in ${key}.run`),
  ];
}

/** Only PORT is looked at, and what else it is stays in the file: it may hold secrets. */
function saidInFiles(context: Context, tree: TreeFacts, definition: ServiceDefinition): Finding[] {
  const { port, name } = definition;
  if (port === undefined) return [];
  const own = definition.env["PORT"];
  const inManifest =
    own === undefined || Number(own) === port
      ? []
      : [
          wrong(
            CHECK,
            `services.${name}.env sets PORT to another port than services.${name}.port, ${port}`,
            `take PORT out of services.${name}.env: it is set anyway`,
          ),
        ];
  const inFiles = definition.env_file.flatMap((entry) => {
    const file = placeOfEnvFile(context, tree, entry);
    const said = file === undefined ? undefined : portIn(file);
    return file === undefined || said === undefined || Number(said) === port
      ? []
      : [
          wrong(
            CHECK,
            `${file} sets PORT to another port than services.${name}.port, ${port}`,
            `"\${EDITOR:-vi}" ${quote(file)}    # take PORT out of it: it is set anyway`,
          ),
        ];
  });
  return [...inManifest, ...inFiles];
}

/** Where an entry of `env_file` lies now: linked ones in shared/, whether a release is current or not. */
function placeOfEnvFile({ manifest, paths }: Context, { current }: TreeFacts, entry: string): string | undefined {
  const file = entry.replace(/^-/, "");
  if (path.isAbsolute(file)) return file;
  const linked = manifest.linked_files.find((one) => one.path === path.normalize(file));
  if (linked) return path.join(paths.shared, linked.shared);
  return current.releaseId === undefined ? undefined : path.join(paths.current, file);
}

function portIn(file: string): string | undefined {
  try {
    return readEnvFile(`-${file}`, "/").values.get("PORT");
  } catch (error) {
    if (error instanceof UsageError) return undefined; // Another check says that it cannot be read.
    throw error;
  }
}

const LOCAL = /^https?:\/\/(?:127(?:\.\d+){3}|localhost|\[::1\])(?::(\d+))?(?=\/|$)/;

/** Health checks and smoke requests that ask this machine at a port that nothing of the manifest has. */
function asked(manifest: Manifest): Finding[] {
  const known = new Set(
    Object.values(manifest.services).flatMap(({ port, socket, instances }) => [
      port,
      socket && portOfAddress(socket.listen),
      ...Object.values(instances ?? {}).map((one) => one.port),
    ]),
  );
  for (const { listen } of Object.values(manifest.sites)) for (const one of listen) known.add(portOfAddress(one));
  const urls: [string, string | undefined][] = [
    ["health.url", manifest.health?.url],
    ...Object.entries(manifest.services).map(([name, { health }]): [string, string | undefined] => [
      `services.${name}.health.url`,
      health?.url,
    ]),
    ...manifest.smoke.map(({ url }, index): [string, string] => [`smoke[${index}].url`, url]),
  ];
  return urls.flatMap(([key, url = ""]) => {
    const [whole, said] = LOCAL.exec(url) ?? [];
    const port = said === undefined ? (url.startsWith("https") ? 443 : 80) : Number(said);
    return whole === undefined || known.has(port)
      ? []
      : [
          note(
            CHECK,
            `${key} asks port ${port}, and no service or site of the manifest has it`,
            `write \${services.<name>.port} in ${key}`,
          ),
        ];
  });
}
