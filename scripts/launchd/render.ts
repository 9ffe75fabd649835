import { createHash } from "node:crypto";
import path from "node:path";
import * as z from "zod";
import type { Service } from "../../manifest.schema.ts";
import type { InstalledFile, RenderedFile } from "../render/file.ts";
import { markOf } from "../render/mark.ts";
import type { Subject } from "../render/subject.ts";
import { renderTemplate } from "../render/template.ts";
import { calendarIntervals } from "../schedule/cron.ts";
import type { Job } from "../schedule/jobs.ts";
import { logsBelowCurrent } from "../service/definitions.ts";
import { type Entry, entriesOf, type Place, refuseForeign, refuseTwins } from "./entries.ts";
import { SERVICE_MARK } from "../service/environment.ts";
import { renderedArguments } from "../service/foreground.ts";
import { isDaemon, labelOf, targetOf } from "./names.ts";
import { PLIST_MARK } from "./plist-mark.ts";
import { xmlComment, xmlProblem, xmlText } from "./xml.ts";

// launchd's own PATH has none of the places where people install programs.
const PATH = "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
// 022, as under the pid-file supervisor; an <integer> of a property list is decimal (launchd.plist(5), Umask).
const UMASK = 0o022;
// launchd's own is ten seconds, and a switch that goes back at once would have to wait for it.
const THROTTLE = 1_000;
const API_THROTTLE = 10_000;
const DEFAULT_EXIT_TIMEOUT = 10_000;

const text = z.string();
const pairs = z.array(z.strictObject({ name: text, value: text }));
const input = z.strictObject({
  mark: text,
  label: text,
  programArguments: z.array(text),
  workingDirectory: text,
  environmentVariables: pairs,
  account: pairs,
  umask: z.int(),
  processType: z.enum(["Interactive", "Standard", "Background"]),
  exitTimeOut: z.int().min(1),
  throttleInterval: z.int().min(1),
  intervals: z.array(z.array(z.strictObject({ name: text, value: z.int() }))),
  isAlwaysKept: z.boolean(),
  isKeptOnFailure: z.boolean(),
  standardOutPath: text,
  standardErrorPath: text,
});

type Input = z.input<typeof input>;

/**
 * `launchd/<label>.plist` for every service, instance and job (launchd.plist(5)): a LaunchDaemon for a service that names its
 * user, else a LaunchAgent of the tree's owner. Each runs through `ops/service/launch.ts`, because launchd knows no environment
 * files; it starts in the tree's root, and the launcher goes on to `dir`: where launchd itself is given a directory that a release
 * lacks, it starts nothing and says so in no log of the service.
 */
export const renderLaunchd = (subject: Subject): RenderedFile[] =>
  wantedPlists(subject).map(({ place, content }) => ({ place, content }));

/** The same files, each with its place on this host. */
export function wantedPlists(subject: Subject): InstalledFile[] {
  const all = entriesOf(subject);
  refuseTwins(subject, all);
  return all.map((one) => {
    const label = labelOf(subject.manifest, one.name);
    const target = targetOf(label, isDaemon(subject.manifest, subject.owner, one.service), subject.owner);
    return { place: `launchd/${label}.plist`, path: target.path, content: renderOne(subject, one, label) };
  });
}

function renderOne(subject: Subject, one: Entry, label: string): string {
  const value = inputOf(subject, one, label);
  const hash = createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
  const environmentVariables = [...value.environmentVariables, { name: PLIST_MARK, value: hash }];
  return renderTemplate("launchd/job.plist", input, { ...value, environmentVariables });
}

function inputOf(subject: Subject, one: Entry, label: string): Input {
  const { paths } = subject;
  const { service, definition, job, place } = one;
  refuseForeign(subject, one);
  const escaped = (value: string, at: Place) => {
    const problem = xmlProblem(value);
    if (problem !== undefined) subject.refuse(at, problem);
    return xmlText(value);
  };
  const seconds = (milliseconds: number) => Math.max(1, Math.ceil(milliseconds / 1000));
  const isSystem = isDaemon(subject.manifest, subject.owner, service);
  const { stdout, stderr } = logsOf(subject, one);
  const restart = job ? "never" : (service?.restart ?? "always");
  return {
    mark: xmlComment(markOf(paths.deployTo, "ops/launchd/install_launchd.ts")),
    label: escaped(label, [...place, "label"]),
    programArguments: argumentsOf(subject, one).map((word) => escaped(word, definition ? [...place, "run"] : place)),
    workingDirectory: escaped(paths.deployTo, ["deploy_to"]),
    environmentVariables: Object.entries(environmentOf(subject, one)).map(([name, value]) => ({
      name,
      value: escaped(value, [...place, ...(Object.hasOwn(definition?.env ?? {}, name) ? ["env", name] : [])]),
    })),
    account: isSystem ? accountOf(subject, service) : [],
    umask: UMASK,
    processType: service ? (job ? "Standard" : "Interactive") : "Background",
    // 0 would be for ever (launchd.plist(5), ExitTimeOut).
    exitTimeOut: seconds(definition?.stop_timeout ?? DEFAULT_EXIT_TIMEOUT),
    throttleInterval: seconds(service?.restart_sec ?? (one.kept ? API_THROTTLE : THROTTLE)),
    intervals: job ? intervalsOf(subject, job) : [],
    isAlwaysKept: restart === "always",
    isKeptOnFailure: restart === "on-failure",
    standardOutPath: escaped(stdout, [...place, "stdout"]),
    standardErrorPath: escaped(stderr, [...place, "stderr"]),
  };
}

function argumentsOf(subject: Subject, { definition, job, kept, place }: Entry): string[] {
  return definition ? renderedArguments(subject, definition, place) : (job?.command ?? kept?.command ?? []);
}

/** The launcher adds the rest: env_file, RELEASE_ID. */
function environmentOf({ paths }: Subject, { definition, job }: Entry): Record<string, string> {
  const { env = {}, port, name } = definition ?? {};
  return {
    PATH,
    ...env,
    ...(port === undefined ? {} : { PORT: String(port) }),
    ...(name === undefined || job ? {} : { [SERVICE_MARK]: `${paths.deployTo}#${name}` }),
  };
}

/** What is the suite's own runs as the tree's owner. */
function accountOf({ owner }: Subject, service: Service | undefined): Input["account"] {
  const user = service ? service.user : owner.uid === 0 ? undefined : owner.name;
  const named = { UserName: user, GroupName: service?.group };
  return Object.entries(named).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: xmlText(value) }],
  );
}

function logsOf(subject: Subject, { name, definition }: Entry): { stdout: string; stderr: string } {
  if (definition) return logsBelowCurrent(subject, definition);
  const own = path.join(subject.paths.logs, `${name}.log`);
  return { stdout: own, stderr: own };
}

function intervalsOf(subject: Subject, { cron, path: at, service }: Job): Input["intervals"] {
  try {
    return calendarIntervals(cron).map((interval) =>
      Object.entries(interval).map(([name, value]) => ({ name, value: value as number })),
    );
  } catch (error) {
    const place = service ? [...at, "cron"] : at;
    return subject.refuse(place, (error as Error).message);
  }
}
