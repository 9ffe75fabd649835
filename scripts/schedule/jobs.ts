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

/** Every job of a manifest, in its order; the suite's own ones last. */
export function jobsOf({ services, prune }: Manifest, { ops, manifest }: Pick<Paths, "ops" | "manifest">): Job[] {
  const own = Object.entries(services).flatMap(([name, service]): Job[] =>
    service.schedule ? [{ name, ...service.schedule, path: ["services", name, "schedule"], service }] : [],
  );
  if (!prune.schedule) return own;
  const command = [`${ops}/release/prune.ts`, "--manifest", manifest];
  const pruning = { cron: prune.schedule, random_delay: 0, catch_up: true, path: ["prune", "schedule"] };
  return [...own, { name: "prune", ...pruning, command }];
}
