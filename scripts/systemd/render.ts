import type { RenderedFile } from "../render/file.ts";
import type { Subject } from "../render/subject.ts";
import { keptOf } from "../api/kept.ts";
import { jobsOf } from "../schedule/jobs.ts";
import { stemProblem, unitFileOf } from "./names.ts";
import { renderRegistry } from "./registry-unit.ts";
import { renderService } from "./service-unit.ts";
import { renderSocket } from "./socket-unit.ts";
import { renderJob } from "./timer-unit.ts";
import { refuse } from "./unit-file.ts";

/**
 * Every unit file of a manifest for systemd: services, sockets and their proxies, jobs and their timers. Those of containers are podman's.
 * @throws ManifestError for what systemd cannot express
 */
export function renderSystemd(subject: Subject): RenderedFile[] {
  const { manifest, paths } = subject;
  const taken = new Map<string, string>();
  const add = (path: string[], files: RenderedFile[]) => {
    for (const { place } of files) {
      const other = taken.get(place);
      const unit = place.slice("systemd/".length);
      if (other !== undefined)
        refuse(subject, path, `would be ${unit}, which is the unit of ${other} already: give one of them another unit`);
      taken.set(place, path.join("."));
    }
    return files;
  };
  const up = Object.entries(manifest.services).filter(([, { schedule, container }]) => !schedule && !container);
  const kept = keptOf(manifest, paths);
  const jobs = jobsOf(manifest, paths).filter(({ service }) => !service?.container);
  for (const [name, service] of Object.entries(manifest.services)) {
    const problem = stemProblem(service);
    if (problem !== undefined) refuse(subject, ["services", name, "unit"], problem);
  }
  for (const [name, { container }] of Object.entries(manifest.services))
    if (container) add(["services", name], [{ place: `systemd/${unitFileOf(manifest, name)}`, content: "" }]);
  return [
    ...up.flatMap(([name, service]) =>
      add(["services", name], [...renderService(subject, name, service), ...renderSocket(subject, name, service)]),
    ),
    ...jobs.flatMap((job) => add(job.service ? ["services", job.name] : job.path, renderJob(subject, job))),
    ...(kept ? add(kept.path, [renderRegistry(subject, kept)]) : []),
  ];
}
