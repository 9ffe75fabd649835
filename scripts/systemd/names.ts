import type { Manifest, Service } from "../../manifest.schema.ts";
import { jobsOf } from "../schedule/jobs.ts";
import { instanceOf, instancesOf, serviceOf } from "../service/definition.ts";

type Named = Pick<Manifest, "app" | "services">;

/** `web` → `shop-web`, `web@main` → `shop-web@main`; the manifest's `unit` in place of the part before the @. */
function stemOf({ app, services }: Named, name: string): string {
  const service = services[serviceOf(name)];
  const own = service?.unit?.replace(/\.service$/, "") ?? `${app}-${serviceOf(name)}`;
  const instance = instanceOf(name);
  return service?.instances === undefined ? own : `${own.split("@")[0]}@${instance ?? ""}`;
}

/** Why a service's `unit` cannot be a unit's name; undefined for one that can, or none. */
export function stemProblem({ unit = "x", instances }: Pick<Service, "unit" | "instances">): string | undefined {
  const [stem = "", instance, ...more] = unit.replace(/\.service$/, "").split("@");
  const inner = instances === undefined ? (instance ?? "x") : (instance ?? "").replace(/^%i$/, "");
  if (more.length > 0 || stem === "" || /%/.test(stem + inner)) return "is no unit's name (systemd.unit(5))";
  if (instances === undefined && instance === "") return "is a template's name: name its instances";
  return stem.length > 200 ? "is longer than 200 characters" : undefined;
}

/** The unit of a service, of one of its instances (`web@main`), or of a job. */
export const unitOf = (manifest: Named, name: string) => `${stemOf(manifest, name)}.service`;

/** The file that describes a service's unit: of an instance, its template. */
export const unitFileOf = (manifest: Named, name: string) => unitOf(manifest, serviceOf(name));

/** The socket that the manager holds for a service. */
export const socketUnitOf = (manifest: Named, name: string) => `${stemOf(manifest, name)}.socket`;

/** What stands between that socket and a service that cannot take it. */
export const proxyUnitOf = (manifest: Named, name: string) => {
  const [stem = "", instance] = stemOf(manifest, name).split("@");
  return `${stem}-proxy${instance === undefined ? "" : `@${instance}`}.service`;
};

/** When a job starts. */
export const timerUnitOf = (manifest: Named, name: string) => `${stemOf(manifest, name)}.timer`;

/** What keeps the release API up. */
export const registryUnitOf = (manifest: Named) => unitOf(manifest, "registry");

/** Services that stay up, instances apart. */
const upOf = ({ services }: Manifest) =>
  Object.entries(services)
    .filter(([, { schedule }]) => !schedule)
    .flatMap(([name, service]) => instancesOf(name, service).map((member) => ({ member, socket: service.socket })));

const jobNames = (manifest: Manifest) => jobsOf(manifest, { ops: "", manifest: "" }).map(({ name }) => name);

/** The units that come up by themselves at boot: services, with the sockets that are held for them, timers, and the release API. */
export const unitsToEnable = (manifest: Manifest): string[] => [
  ...upOf(manifest).flatMap(({ member, socket }) => [
    ...(socket ? [socketUnitOf(manifest, member)] : []),
    unitOf(manifest, member),
  ]),
  ...jobNames(manifest).map((name) => timerUnitOf(manifest, name)),
  ...(manifest.registry.serve ? [registryUnitOf(manifest)] : []),
];

/** Every unit of a manifest that can be up: those, the proxies of sockets, and what timers start. */
export const allUnits = (manifest: Manifest): string[] => [
  ...unitsToEnable(manifest),
  ...upOf(manifest).flatMap(({ member, socket }) => (socket?.proxy ? [proxyUnitOf(manifest, member)] : [])),
  ...jobNames(manifest).map((name) => unitOf(manifest, name)),
];
