import * as z from "zod";
import type { RenderedFile } from "../render/file.ts";
import { markOf } from "../render/mark.ts";
import type { Subject } from "../render/subject.ts";
import { renderTemplate } from "../render/template.ts";
import { definitionOf, logsBelowCurrent } from "../service/definitions.ts";
import { renderedArguments } from "../service/foreground.ts";
import { markersOf } from "./crontab-block.ts";
import { CRON_LOG, type Job, JOB_MARK, jobMark, jobsOf } from "./jobs.ts";

/** Cron's own PATH has no /usr/local, where people install programs. */
const PATH = "/usr/local/bin:/usr/bin:/bin";

/** Bytes that a crontab takes as one command (MAX_COMMAND of Vixie cron, less its end); tried with Debian's `crontab -n`. */
const LONGEST = 998;

/** What the lines of a crontab are made from. */
export type CronSubject = Pick<Subject, "manifest" | "paths" | "refuse">;

const text = z.string();
const input = z.strictObject({ begin: text, mark: text, lines: z.array(text), end: text });

/** `cron/crontab`: one block between markers with a line for every job, as the tree's owner; no file where there are no jobs. */
export function renderCron(subject: Subject): RenderedFile[] {
  const { manifest, paths } = subject;
  refuseOtherAccounts(subject);
  const lines = cronLines(subject);
  const content = renderTemplate("cron/crontab", input, {
    ...markersOf(manifest.app, paths.deployTo),
    mark: markOf(paths.deployTo, "ops/schedule/install_crontab.ts"),
    lines,
  });
  return lines.length > 0 ? [{ place: "cron/crontab", content }] : [];
}

/**
 * A crontab's line for every job of a manifest (crontab(5)).
 * @throws ManifestError at the place of what cron cannot express
 */
export const cronLines = (subject: CronSubject): string[] =>
  jobsOf(subject.manifest, subject.paths).map((job) => lineOf(subject, job));

function lineOf(subject: CronSubject, job: Job): string {
  refuseForeign(subject, job);
  const words = wordsOf(subject, job);
  const { stdout, stderr } = logsOf(subject, job);
  const errors = stdout === stderr ? "2>&1" : `2>>${quoteForCron(stderr)}`;
  const command = `${words.map(quoteForCron).join(" ")} >>${quoteForCron(stdout)} ${errors}`;
  const length = Buffer.byteLength(command);
  if (length > LONGEST)
    subject.refuse(placeOf(job), `a crontab takes commands of up to ${LONGEST} bytes, and this one has ${length}`);
  return `${job.cron} ${command}`;
}

function wordsOf(subject: CronSubject, job: Job): string[] {
  if (!job.service) return job.command ?? [];
  const definition = definitionOf(job.service, job.name);
  for (const [name, value] of Object.entries(definition.env))
    if (value.includes("\n"))
      subject.refuse([...placeOf(job), "env", name], "a crontab's line cannot hold a line break");
  const words = renderedArguments(subject, definition, placeOf(job));
  if (words.some((word) => word.includes("\n")))
    subject.refuse([...placeOf(job), "run"], "a crontab's line cannot hold a line break");
  const own = { [JOB_MARK]: jobMark(subject.paths, job.name) };
  const variables = Object.entries({ PATH, ...definition.env, ...own }).map(([name, value]) => `${name}=${value}`);
  return ["env", ...variables, ...words];
}

/** The suite's own commands keep a record of their own; what they print is only for when that fails. */
function logsOf({ manifest, paths }: CronSubject, { name, service }: Job): { stdout: string; stderr: string } {
  const common = `${paths.logs}/${CRON_LOG}`;
  if (!service) return { stdout: common, stderr: common };
  return logsBelowCurrent({ manifest, paths }, definitionOf(service, name));
}

const placeOf = ({ path, service }: Job) => (service ? path.slice(0, -1) : path);

function refuseForeign(subject: CronSubject, job: Job): void {
  const refuse = (place: PropertyKey[], message: string) => subject.refuse(place, message);
  const { service, random_delay: delay } = job;
  if (delay > 0) refuse([...job.path, "random_delay"], "a crontab cannot express this: cron starts a job at its time");
  if (service?.container) refuse([...placeOf(job), "container"], "a crontab cannot express this: it runs programs");
  if (service?.instances)
    refuse([...placeOf(job), "instances"], "a job has no instances: give each a service of its own");
}

/** A crontab is one account's, and its jobs have that account's groups. */
function refuseOtherAccounts(subject: Subject): void {
  const { owner } = subject;
  for (const job of jobsOf(subject.manifest, subject.paths)) {
    const { user, group } = job.service ?? {};
    const why = `a crontab cannot express this: it is ${owner.name}'s, and cron runs all of it as ${owner.name}`;
    if (user !== undefined && user !== owner.name && user !== String(owner.uid))
      subject.refuse([...placeOf(job), "user"], why);
    if (group !== undefined && group !== owner.name) subject.refuse([...placeOf(job), "group"], why);
  }
}

const BARE = /^[A-Za-z0-9_@%+=:,./-]+$/;

/**
 * A word for the shell that cron starts. A backslash never stands before another one or before a `%`, where crons differ on what
 * it means: inside the quotes an empty word follows it. A `%` would be a line break.
 */
export function quoteForCron(word: string): string {
  const quoted = word.replaceAll(/['\\]/g, (found) => (found === "'" ? `'\\''` : `\\''`));
  return (BARE.test(word) ? word : `'${quoted}'`).replaceAll("%", "\\%");
}
