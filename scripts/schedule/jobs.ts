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

/** Whether the supervisor starts jobs by timers of its own; elsewhere cron does. */
export const isManaged = ({ supervisor }: Pick<Manifest, "supervisor">) =>
  supervisor !== "pidfile" && supervisor !== "podman";

/** Whether the host's logrotate empties the logs: where root installs files anyway. Elsewhere a job of the suite's own does. */
export const hasLogrotate = ({ supervisor }: Pick<Manifest, "supervisor">) => supervisor === "systemd";

/** Under `logs`: what the suite's own commands print when cron starts them. */
export const CRON_LOG = "cron.log";

/** Every job of a manifest, in its order; the suite's own ones last. */
export function jobsOf(
  { services, supervisor, prune, logs }: Manifest,
  { ops, manifest }: Pick<Paths, "ops" | "manifest">,
): Job[] {
  const own = Object.entries(services).flatMap(([name, service]): Job[] =>
    service.schedule ? [{ name, ...service.schedule, path: ["services", name, "schedule"], service }] : [],
  );
  const suite = (name: string, cron: string, path: string[], command: string): Job => ({
    name,
    cron,
    path,
    random_delay: 0,
    catch_up: true,
    command: [`${ops}/${command}.ts`, "--manifest", manifest],
  });
  return [
    ...own,
    ...(prune.schedule ? [suite("prune", prune.schedule, ["prune", "schedule"], "release/prune")] : []),
    ...(logs && !hasLogrotate({ supervisor }) ? [suite("rotate-logs", "10 4 * * *", ["logs"], "logs/rotate")] : []),
  ];
}
