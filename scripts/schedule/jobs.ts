import type { Manifest, Service } from "../../manifest.schema.ts";
import type { Paths } from "../core/paths.ts";

/** Something that runs at times: a service with a `schedule`, or one of the suite's own commands. */
export interface Job {
  /** Name in units, labels and logs. */
  name: string;
  /** Five cron fields. */
  cron: string;
  /** Milliseconds by which it may start later. */
  random_delay: number;
  /** Run once after the host was off at the time. */
  catch_up: boolean;
  /** Where `cron` stands in the manifest. */
  path: string[];
  /** What runs: the manifest's service, or a command with its arguments, absolute. */
  service?: Service;
  command?: string[];
}

/** Names of a manifest's services that run at times. */
export const scheduledNames = ({ services }: Pick<Manifest, "services">): string[] =>
  Object.entries(services).flatMap(([name, { schedule }]) => (schedule ? [name] : []));

/** Whether the supervisor starts jobs by timers of its own; elsewhere cron does. */
export const isManaged = ({ supervisor }: Pick<Manifest, "supervisor">) => supervisor !== "pidfile";

/** Whether the host's logrotate empties the logs: where root installs files anyway. Elsewhere a job of the suite's own does. */
export const hasLogrotate = ({ supervisor }: Pick<Manifest, "supervisor">) => supervisor === "systemd";

/** In the environment of what a line of the crontab starts: how a job that runs is found, whichever release it runs from. */
export const JOB_MARK = "SWITCHBACK_JOB";

/** The value of that mark: the tree, a colon, the job's name. */
export const jobMark = ({ deployTo }: Pick<Paths, "deployTo">, name: string) => `${deployTo}:${name}`;

/** Under `logs`: what the suite's own commands print when cron starts them. */
export const CRON_LOG = "cron.log";

/** Every job of a manifest, in its order; the suite's own ones last. */
export function jobsOf(
  { services, supervisor, prune, backups, logs, update }: Manifest,
  { ops, manifest }: Pick<Paths, "ops" | "manifest">,
): Job[] {
  const own = Object.entries(services).flatMap(([name, service]): Job[] =>
    service.schedule ? [{ name, ...service.schedule, path: ["services", name, "schedule"], service }] : [],
  );
  const suite = (name: string, cron: string, path: string[], command: string, ...words: string[]): Job => ({
    name,
    cron,
    path,
    random_delay: 0,
    catch_up: true,
    command: [`${ops}/${command}.ts`, "--manifest", manifest, ...words],
  });
  return [
    ...own,
    ...(update
      ? [suite("update", update.schedule, ["update", "schedule"], "release/deploy", "--if-new", update.ref)]
      : []),
    ...(prune.schedule ? [suite("prune", prune.schedule, ["prune", "schedule"], "release/prune")] : []),
    ...(backups ? [suite("backup", backups.schedule, ["backups", "schedule"], "data/backup", "--scheduled")] : []),
    ...(logs && !hasLogrotate({ supervisor }) ? [suite("rotate-logs", "10 4 * * *", ["logs"], "logs/rotate")] : []),
  ];
}
