import { isPlainMap, type PlainMap } from "./merge.ts";

/** Reports something wrong at a path of the manifest; `part`: the part of the value that is meant. */
export type ReportAt = (path: PropertyKey[], message: string, part?: string) => void;

const REFERENCE = /\$\{services\.([^}]*)\}/g;

/** Fills `${services.<name>.port}` in place in every env, build env, migration env and URL (SPEC section 2). */
export function expandPorts(root: PlainMap, report: ReportAt): void {
  const services = isPlainMap(root["services"]) ? root["services"] : {};
  const expand = (text: string, path: PropertyKey[]): string =>
    text.replace(
      REFERENCE,
      (whole, inner: string) => portOf(services, inner, (message) => report(path, message, whole)) ?? whole,
    );
  const inMap = (owner: unknown, path: PropertyKey[], keys?: string[]): void => {
    if (!isPlainMap(owner)) return;
    for (const key of keys ?? Object.keys(owner)) {
      const value = owner[key];
      if (typeof value === "string") owner[key] = expand(value, [...path, key]);
    }
  };
  for (const [path, owner, keys] of placesWithPorts(root)) inMap(owner, path, keys);
}

type Place = [path: PropertyKey[], owner: unknown, keys?: string[]];

const PROBE_KEYS = ["url", "tcp"];

function* placesWithPorts(root: PlainMap): Generator<Place> {
  for (const [name, service] of entries(root["services"])) {
    yield [["services", name, "env"], service["env"]];
    yield [["services", name, "health"], service["health"], PROBE_KEYS];
  }
  for (const [name, step] of entries(root["build"])) yield [["build", name, "env"], step["env"]];
  if (isPlainMap(root["migrate"])) yield [["migrate", "env"], root["migrate"]["env"]];
  yield [["health"], root["health"], PROBE_KEYS];
  const smoke = Array.isArray(root["smoke"]) ? root["smoke"] : [];
  for (const [index, request] of smoke.entries()) yield [["smoke", index], request, ["url"]];
}

const entries = (value: unknown): [string, PlainMap][] =>
  isPlainMap(value) ? Object.entries(value).filter((entry): entry is [string, PlainMap] => isPlainMap(entry[1])) : [];

function portOf(services: PlainMap, inner: string, refuse: (message: string) => void): string | undefined {
  const [, name = inner, key] = /^(.*)\.([^.]*)$/.exec(inner) ?? [];
  const service = Object.hasOwn(services, name) ? services[name] : undefined;
  if (key !== "port") refuse("wanted ${services.<name>.port}");
  else if (!isPlainMap(service)) refuse(`there is no service "${name}"`);
  else if (service["port"] === undefined) refuse(`the service "${name}" has no port`);
  else return `${service["port"] as number}`;
  return undefined;
}
