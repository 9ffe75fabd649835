import type { Manifest } from "../../manifest.schema.ts";
import { instanceOf, serviceOf } from "../service/definition.ts";

type Named = Pick<Manifest, "app" | "services">;

/** `web` → `shop-web`, `web@main` → `shop-web@main`; the manifest's `unit` in place of the part before the @. */
function stemOf({ app, services }: Named, name: string): string {
  const service = services[serviceOf(name)];
  const own = service?.unit?.replace(/\.service$/, "") ?? `${app}-${serviceOf(name)}`;
  const instance = instanceOf(name);
  return service?.instances === undefined ? own : `${own.split("@")[0]}@${instance ?? ""}`;
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

/** The units of every service that stays up: `web`, or all of `web@main`, `web@admin`. */
const membersOf = ({ services }: Named, name: string): string[] =>
  Object.keys(services[name]?.instances ?? { "": {} }).map((instance) =>
    instance === "" ? name : `${name}@${instance}`,
  );

/** The units that come up by themselves: services, sockets in place of what is started by them, and timers. */
export function unitsToEnable(manifest: Manifest): string[] {
  const own = Object.entries(manifest.services).flatMap(([name, { schedule, socket }]) => {
    if (schedule) return [timerUnitOf(manifest, name)];
    const members = membersOf(manifest, name);
    return members.flatMap((one) => [...(socket ? [socketUnitOf(manifest, one)] : []), unitOf(manifest, one)]);
  });
  return manifest.prune.schedule ? [...own, timerUnitOf(manifest, "prune")] : own;
}
