import type { Service } from "../../manifest.schema.ts";
import type { Subject } from "../render/subject.ts";
import { type Kept, keptOf } from "../api/kept.ts";
import { type Job, jobsOf } from "../schedule/jobs.ts";
import { type ServiceDefinition, serviceOf } from "../service/definition.ts";
import { definitionOf, definitionsOf } from "../service/definitions.ts";
import { isDaemon, labelOf } from "./names.ts";

/** Where something stands in the manifest. */
export type Place = PropertyKey[];

/** What becomes a property list: a service, one instance of it, or a job. */
export interface Entry {
  name: string;
  place: Place;
  service?: Service;
  definition?: ServiceDefinition;
  job?: Job;
  /** The release API. */
  kept?: Kept;
}

/** Everything of a manifest that launchd runs. */
export function entriesOf({ manifest, paths }: Subject): Entry[] {
  const services = definitionsOf(manifest).map((definition): Entry => {
    const name = serviceOf(definition.name);
    const service = manifest.services[name];
    return { name: definition.name, place: ["services", name], definition, ...(service ? { service } : {}) };
  });
  const jobs = jobsOf(manifest, paths).map((job): Entry => {
    const { name, service } = job;
    if (!service) return { name, place: job.path.slice(0, -1), job };
    return { name, place: ["services", name], job, service, definition: definitionOf(service, name) };
  });
  const kept = keptOf(manifest, paths);
  return [...services, ...jobs, ...(kept ? [{ name: kept.name, place: kept.path, kept }] : [])];
}

/** A file system of a Mac takes two names for one that differ in small and capital letters only. */
export function refuseTwins(subject: Subject, all: Entry[]): void {
  const seen = new Map<string, string>();
  for (const { name, place, service } of all) {
    const label = labelOf(subject.manifest, name);
    const other = seen.get(label.toLowerCase());
    if (other !== undefined)
      subject.refuse(
        service?.label ? [...place, "label"] : place,
        `${name} and ${other} would have one launchd label, ${label}`,
      );
    seen.set(label.toLowerCase(), name);
  }
}

/** What launchd has no words for. */
export function refuseForeign(subject: Subject, { service, job, place }: Entry): void {
  const no = (key: string, reason: string) => subject.refuse([...place, key], `launchd cannot express this: ${reason}`);
  if (service?.container) no("container", "it runs programs, not containers");
  if (service?.socket) no("socket", "it hands a socket over by a call of its own, not as file descriptor 3");
  if (service?.ready === "notify") no("ready", "it takes a service as up once it is started");
  if (service?.group !== undefined && !isDaemon(subject.manifest, subject.owner, service))
    no("group", "a LaunchAgent runs with its user's groups; user: makes it a LaunchDaemon, which can have another");
  if (job && (service?.restart ?? "never") !== "never")
    no("restart", "a job that is kept alive runs as soon as it is loaded, whatever its schedule");
  if (job && job.random_delay > 0)
    subject.refuse(
      placeIn(job, "random_delay"),
      "launchd cannot express this: it starts a job at its time, without a random delay",
    );
  if (job && !job.catch_up)
    subject.refuse(
      placeIn(job, "catch_up"),
      "launchd cannot express this: it runs a job that was missed in sleep once the host wakes",
    );
}

const placeIn = (job: Job, key: string): Place => (job.service ? [...job.path, key] : job.path);
