import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import type { Paths } from "../core/paths.ts";
import { keptOf } from "../api/kept.ts";
import { CRON_LOG, isManaged, jobsOf } from "../schedule/jobs.ts";
import { type ServiceDefinition, serviceOf } from "../service/definition.ts";
import { definitionOf, definitionsOf, logsBelowCurrent } from "../service/definitions.ts";

/** A log that services or jobs write to. */
export interface LogFile {
  /** Absolute. */
  path: string;
  /** Where it is said in the manifest. */
  place: PropertyKey[];
  /** A process that stays up has it open: it must be emptied, not renamed. */
  isHeld: boolean;
}

/**
 * Every log of a tree's services and jobs, each once. Not those of the operations, which are written once each, nor devices.
 */
export function logFilesOf({ manifest, paths }: { manifest: Manifest; paths: Paths }): LogFile[] {
  const ofDefinition = (definition: ServiceDefinition, isHeld: boolean): LogFile[] => {
    const { stdout, stderr } = logsBelowCurrent({ manifest, paths }, definition);
    const at = (key: "stdout" | "stderr") =>
      definition[key] === undefined ? ["deploy_to"] : ["services", serviceOf(definition.name), key];
    return [
      { path: stdout, place: at("stdout"), isHeld },
      { path: stderr, place: at("stderr"), isHeld },
    ];
  };
  const ofSuite = (name: string): LogFile => ({
    path: path.join(paths.logs, name),
    place: ["deploy_to"],
    isHeld: false,
  });
  const jobs = jobsOf(manifest, paths).flatMap(({ name, service }) =>
    service
      ? ofDefinition(definitionOf(service, name), false)
      : [ofSuite(isManaged(manifest) ? `${name}.log` : CRON_LOG)],
  );
  const kept = isManaged(manifest) ? keptOf(manifest, paths) : undefined;
  const api = kept ? [{ ...ofSuite(`${kept.name}.log`), isHeld: true }] : [];
  const services = definitionsOf(manifest).flatMap((definition) => ofDefinition(definition, true));
  const all = [...services, ...api, ...jobs].filter((file) => !file.path.startsWith("/dev/"));
  // The held one of two comes first.
  return all.filter((file, index) => all.findIndex((other) => other.path === file.path) === index);
}
