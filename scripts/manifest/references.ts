import { isPlainMap, type PlainMap } from "./merge.ts";
import type { ReportAt } from "./ports.ts";

/** Reports what contradicts another part of the manifest; works on the values as written, right or wrong. */
export function checkReferences(root: PlainMap, report: ReportAt): void {
  const services = isPlainMap(root["services"]) ? root["services"] : {};
  checkHealthPaths(root, services, report);
  for (const [site, value] of Object.entries(isPlainMap(root["sites"]) ? root["sites"] : {})) {
    const proxy = isPlainMap(value) && isPlainMap(value["proxy"]) ? value["proxy"] : {};
    for (const [place, target] of Object.entries(proxy))
      if (isPlainMap(target))
        checkProxy(services, ["sites", site, "proxy", place, "service"], target["service"], report);
  }
}

const pathOf = (health: unknown): unknown => (isPlainMap(health) ? health["path"] : health);

const isPath = (value: unknown): boolean => typeof value === "string" && value.startsWith("/");

function checkHealthPaths(root: PlainMap, services: PlainMap, report: ReportAt): void {
  if (isPlainMap(root["health"]) && isPath(root["health"]["path"]))
    report(["health", "path"], "only a service has a port of its own: wanted url here, with the port in it");
  for (const [name, service] of Object.entries(services)) {
    if (!isPlainMap(service) || ["port", "socket"].some((key) => service[key] !== undefined)) continue;
    if (isPath(pathOf(service["health"])))
      report(
        ["services", name, "health"],
        `the service "${name}" has no port to ask: give it port, or health as a map with url, tcp or run`,
      );
  }
}

function checkProxy(services: PlainMap, path: PropertyKey[], name: unknown, report: ReportAt): void {
  if (typeof name !== "string") return;
  const service = Object.hasOwn(services, name) ? services[name] : undefined;
  if (service === undefined) report(path, `there is no service "${name}"`);
  else if (isPlainMap(service) && ["port", "socket"].every((key) => service[key] === undefined) && !hasPorts(service))
    report(path, `the service "${name}" has no port and no socket`);
}

/** Instances may have ports of their own. */
const hasPorts = ({ instances }: PlainMap) =>
  isPlainMap(instances) &&
  Object.values(instances).some((instance) => isPlainMap(instance) && instance["port"] !== undefined);
