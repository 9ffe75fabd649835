import * as z from "zod";
import { buildOn, buildStep, dependency } from "./scripts/manifest/schema/build.ts";
import { HOSTS, hostName, serial } from "./scripts/manifest/schema/host.ts";
import { backups, database, migrate } from "./scripts/manifest/schema/data.ts";
import { drain, health, serviceHealth, smoke } from "./scripts/manifest/schema/health.ts";
import { checkLinked, linked, linkedFiles } from "./scripts/manifest/schema/linked.ts";
import { checkOutputs } from "./scripts/manifest/schema/outputs.ts";
import { checkDependencyPaths } from "./scripts/manifest/schema/dependency-paths.ts";
import { postgresUrl, registryServer } from "./scripts/manifest/schema/registry.ts";
import { service } from "./scripts/manifest/schema/service.ts";
import { site } from "./scripts/manifest/schema/site.ts";
import {
  account,
  anyPath,
  count,
  line,
  lines,
  listOf,
  name,
  port,
  schedule,
} from "./scripts/manifest/schema/values.ts";

export { RELEASE_ID } from "./scripts/core/release-id.ts";

/** Keys of an environment that say where it is, and do not override a top-level key. */
export const ENVIRONMENT_KEYS = ["hosts", "user", "port", "serial"] as const;

const source = z.strictObject({
  repo: line("a path or URL").default(".").describe("The checkout or repository, relative to this file."),
  ref: line("a branch, tag or commit").default("HEAD").describe("What is built when no ref is given."),
  via: z
    .enum(["git", "worktree"])
    .default("git")
    .describe("git: what is committed; worktree: the files as they lie there."),
  exclude: z
    .array(line("a pattern"), { error: "a list of patterns" })
    .default([])
    .describe("Files that a release goes without."),
  pull: z.literal("ff-only").optional().describe("Fetch and fast-forward first; local changes are named and refused."),
});

const hook = lines.default([]);
const hooks = z.strictObject({
  before_build: hook.describe("Before a release's build steps."),
  after_build: hook.describe("After a release's build steps."),
  before_switch: hook.describe("Before services are stopped or current moves."),
  after_switch: hook.describe("After the gate let the new release pass."),
  after_rollback: hook.describe("After a rollback."),
  on_failure: hook.describe("After a failed operation."),
});

const environment = z.looseObject({
  hosts: listOf(hostName, HOSTS).optional().describe("Hosts that it lives on, as ssh knows them; absent: this one."),
  user: account.optional().describe("The account on those hosts."),
  port: port.optional().describe("Their ssh port; default: what ssh's own configuration says."),
  serial: serial.optional().describe("How many hosts are switched at a time; default 1."),
  environments: z
    .never({ error: "no environments inside an environment" })
    .optional()
    .describe("Does not belong here."),
});

/** `deploy.yaml`: unknown keys are refused at all levels; the output is normalised (durations in ms, lists, linked entries). */
export const manifestSchema = z
  .strictObject({
    app: z
      .string({ error: "a name" })
      .regex(/^[a-z][a-z0-9-]*$/, { error: "a name of small letters, digits and - that starts with a letter" })
      .max(63, { error: "a name of at most 63 characters" })
      .describe("Name used in units, labels and sites."),
    deploy_to: line("a path").describe("The tree with releases/, shared/ and current; ~ is expanded."),
    keep_releases: count.default(5).describe("Good releases kept in all."),
    source: source.prefault({}).describe("Where releases come from."),
    release_id: z.enum(["timestamp", "sha", "tag"]).default("timestamp").describe("The id that a build gives itself."),
    linked_files: linkedFiles.describe("Files kept in shared/ and linked into each release."),
    linked_dirs: linked.describe("Directories kept in shared/ and linked into each release."),
    dependencies: z.record(name, dependency).default({}).describe("Dependency sets, made once for each lockfile."),
    build: z.record(name, buildStep).default({}).describe("Build steps, in this order."),
    build_on: buildOn
      .default("host")
      .describe(
        "Where build steps run for an environment with hosts: on each host, or local, with what they made uploaded.",
      ),
    migrate: migrate.optional().describe("Database migration."),
    database: database.optional().describe("The database, so that it can be backed up and restored."),
    drain: drain
      .optional()
      .describe(
        "Wait for long jobs before a switch. Without it a job that runs (a service with a `schedule`) is waited for all the same: looked at every 1s, for 10m, then the switch is aborted.",
      ),
    services: z.record(name, service).default({}).describe("What runs."),
    health: health.optional().describe("The gate; wins over the services' own health."),
    smoke: smoke.describe("Requests tried after the gate; a failure counts as a failed gate."),
    supervisor: z
      .enum(["pidfile", "systemd", "systemd-user", "launchd", "podman"])
      .default("pidfile")
      .describe("What starts and stops the services."),
    sites: z.record(name, site).default({}).describe("Proxy sites."),
    logs: z
      .strictObject({
        max_size: line("a size")
          .regex(/^\d{1,9}[kmgKMG]?$/, { error: "a size such as 10m" })
          .default("10m")
          .describe("Rotate at this size."),
        keep: count.default(7).describe("Rotated files kept."),
      })
      .optional()
      .describe("Log rotation."),
    backups: backups.optional().describe("Scheduled backups."),
    update: z
      .strictObject({
        schedule: schedule.describe("Cron schedule."),
        ref: line("a branch, tag or commit").default("origin/HEAD").describe("What to follow."),
      })
      .optional()
      .describe("Scheduled self-update."),
    prune: z
      .strictObject({
        schedule: schedule.optional().describe("Cron schedule."),
        keep_days: count.optional().describe("Also keep releases younger than this many days."),
      })
      .prefault({})
      .describe("Scheduled pruning."),
    hooks: hooks.prefault({}).describe("Commands around the operations."),
    registry: z
      .strictObject({
        url: postgresUrl
          .optional()
          .describe("postgres://… that the records of several hosts are pushed to; absent: SQLite in the tree alone."),
        password_file: anyPath
          .optional()
          .describe("A file of mode 0600 with the password of url, relative to shared/; else PGPASSWORD or ~/.pgpass."),
        serve: registryServer.optional().describe("Keep the release API and its page up as a service of this host."),
      })
      .prefault({})
      .describe("Where releases are recorded."),
    environments: z
      .record(name, environment)
      .default({})
      .describe("Name → hosts, user, port, and any key above to override."),
  })
  .superRefine(
    (value, ctx) => {
      const report = (path: PropertyKey[], message: string) => ctx.addIssue({ code: "custom", path, message });
      checkLinked(value, report);
      checkDependencyPaths(value, report);
      checkOutputs(value, report);
    },
    { when: () => true },
  );

export type Manifest = z.output<typeof manifestSchema>;
export type ManifestInput = z.input<typeof manifestSchema>;
export type Source = Manifest["source"];
export type Dependency = z.output<typeof dependency>;
export type BuildStep = z.output<typeof buildStep>;
export type Migrate = z.output<typeof migrate>;
export type Database = z.output<typeof database>;
export type Backups = z.output<typeof backups>;
export type Drain = z.output<typeof drain>;
export type Service = z.output<typeof service>;
export type Health = z.output<typeof health>;
export type ServiceHealth = z.output<typeof serviceHealth>;
export type SmokeRequest = Manifest["smoke"][number];
export type Supervisor = Manifest["supervisor"];
export type Site = z.output<typeof site>;
export type Hooks = Manifest["hooks"];
export type Environment = z.output<typeof environment>;
export type { LinkedEntry } from "./scripts/manifest/schema/linked.ts";
