import type { RenderedFile } from "../render/file.ts";
import type { Subject } from "../render/subject.ts";
import { onCalendar } from "../schedule/cron.ts";
import type { Job } from "../schedule/jobs.ts";
import { literal } from "./escape.ts";
import { execStart } from "./exec.ts";
import { timerUnitOf, unitOf } from "./names.ts";
import { accountFields, renderService } from "./service-unit.ts";
import { ownLogOf } from "./task.ts";
import { timeSpan, unitFile, refuse } from "./unit-file.ts";

/** What runs at times: a unit that ends by itself, and the timer that starts it. */
export function renderJob(subject: Subject, job: Job): RenderedFile[] {
  const unit = unitOf(subject.manifest, job.name);
  const { service, command } = job;
  if (service?.instances)
    refuse(subject, ["services", job.name, "instances"], "has no meaning for a job: it runs once");
  const files = service ? renderService(subject, job.name, service) : [renderCommand(subject, job.name, command ?? [])];
  const timer = unitFile(subject, "timer", timerUnitOf(subject.manifest, job.name), {
    Description: `${subject.manifest.app} ${job.name}: when it runs`,
    OnCalendar: calendarOf(subject, job),
    Persistent: job.catch_up ? "yes" : "no",
    RandomizedDelaySec: job.random_delay > 0 ? timeSpan(job.random_delay) : "",
    Unit: unit,
  });
  return [...files, timer];
}

function calendarOf(subject: Subject, { cron, path }: Job): string[] {
  try {
    return onCalendar(cron);
  } catch (error) {
    return refuse(subject, path, (error as Error).message);
  }
}

/**
 * A command of the suite, without a sandbox: it may have to finish what an interrupted operation began, which writes units and
 * asks systemd for restarts, through sudo where the tree is not root's.
 */
function renderCommand(subject: Subject, name: string, command: string[]): RenderedFile {
  const { manifest } = subject;
  const reading = { hasInstance: false };
  const log = ownLogOf(subject, name);
  return unitFile(subject, "service", unitOf(manifest, name), {
    Description: `${manifest.app} ${name}`,
    Type: "oneshot",
    ...accountFields(subject),
    ExecStart: execStart(
      command.map((text) => [{ text }]),
      { ...reading, dirPath: "/", hasEnvFile: false },
    ),
    StandardOutput: `append:${literal(log, reading)}`,
    StandardError: `append:${literal(log, reading)}`,
  });
}
