import path from "node:path";
import type { Manifest, Service } from "../../manifest.schema.ts";
import { instanceOf, serviceOf } from "../service/definition.ts";

/** Where launchd runs a job: the system's domain, or that of a user who is logged in at the screen (launchctl(1)). */
export type Domain = "system" | `gui/${number}`;

/** A job of launchd as launchctl is told of it. */
export interface Target {
  label: string;
  domain: Domain;
  /** Its property list, absolute. */
  path: string;
}

/** Whose jobs they are. */
export interface Owner {
  uid: number;
  home: string;
}

/** `papertok.server`, `papertok.web.main` for an instance; `label` of the service in place of the first two parts. */
export function labelOf({ app, services }: Pick<Manifest, "app" | "services">, name: string): string {
  const service = services[serviceOf(name)];
  const instance = instanceOf(name);
  return [service?.label ?? `${app}.${serviceOf(name)}`, ...(instance === undefined ? [] : [instance])].join(".");
}

/**
 * Whether a job belongs to the system: a service that names its user, and whatever root owns. The suite's own jobs go where all
 * services are, so that a host on which nobody logs in prunes too.
 */
export function isDaemon(manifest: Pick<Manifest, "services">, owner: Pick<Owner, "uid">, service?: Service): boolean {
  if (owner.uid === 0) return true;
  return service ? service.user !== undefined : hasOnlyDaemons(manifest);
}

/** Whether every service names its user, so that all jobs are the system's. */
export function hasOnlyDaemons({ services }: Pick<Manifest, "services">): boolean {
  const all = Object.values(services);
  return all.length > 0 && all.every(({ user }) => user !== undefined);
}

/** Folder of the system's property lists. */
export const DAEMONS = "/Library/LaunchDaemons";

/** Folder of a user's own property lists. */
export const agentsFolder = ({ home }: Pick<Owner, "home">) => path.join(home, "Library/LaunchAgents");

/** How launchctl is told of a label. */
export const targetOf = (label: string, isSystem: boolean, owner: Owner): Target => ({
  label,
  domain: isSystem ? "system" : `gui/${owner.uid}`,
  path: path.join(isSystem ? DAEMONS : agentsFolder(owner), `${label}.plist`),
});

/** The job of a service, by its name in the manifest: `web`, `web@main`. */
export const targetOfService = (manifest: Manifest, owner: Owner, name: string): Target =>
  targetOf(labelOf(manifest, name), isDaemon(manifest, owner, manifest.services[serviceOf(name)]), owner);

/** The job of an installed property list, by its place alone. */
export const targetOfFile = (file: string, owner: Owner): Target =>
  targetOf(path.basename(file, ".plist"), path.dirname(file) === DAEMONS, owner);

/** `gui/501/papertok.server` */
export const serviceTarget = ({ domain, label }: Target) => `${domain}/${label}`;
