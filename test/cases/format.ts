import * as z from "zod";
import { STATUSES } from "../../scripts/core/step.ts";

const texts = z.record(z.string(), z.string()).default({});
const ids = z.array(z.string()).default([]);
const status = z.enum(STATUSES);

const row = z.strictObject({
  status,
  /** Order in which it became current; default: its place among those that served. */
  activation: z.int().nullish(),
  /** What served before it; default: the one above it that served. */
  previous: z.string().nullish(),
  pinned: z.boolean().default(false),
  /** Null: it was not built here. */
  bytes: z.int().nullable().default(1000),
  /** ISO 8601: when it was built or last served. */
  updated: z.string().default(""),
});

const current = z.union([
  z.string(),
  z.strictObject({ kind: z.enum(["absent", "link", "directory", "file"]).default("link"), target: z.string().optional(), release: z.string().optional() }),
]);

const shared = z.strictObject({
  state: z.enum(["absent", "link", "dangling", "real"]).default("real"),
  linked_to: z.string().optional(),
  has_source: z.boolean().default(true),
  is_empty: z.boolean().optional(),
  /** Why what value_from names cannot be taken. */
  value_problem: z.string().optional(),
  bytes: z.int().default(0),
});

const source = z.strictObject({
  ref: z.string().optional(),
  sha: z.string().optional(),
  dirty: z.boolean().optional(),
  submodules: ids,
  bytes: z.int().default(0),
  files: z.int().default(0),
  /** It was sent from another machine; `made`: what its build steps there changed. */
  uploaded: z.strictObject({ by: z.string(), built_here: ids, made: ids }).optional(),
  /** It was, and is the release already. */
  taken: z.boolean().default(false),
});

const amount = z.strictObject({ bytes: z.int(), files: z.int() });

const operation = z.strictObject({
  kind: z.string(),
  release: z.string().nullable().default(null),
  previous: z.string().nullable().default(null),
  /** The link's text; default: the relative one to previous. */
  previous_link: z.string().nullable().optional(),
  status_before: status.nullable().default(null),
  touched: z.boolean().default(false),
});

const backup = z.strictObject({
  reason: z.enum(["migration", "restore", "scheduled", "manual"]).default("manual"),
  created_at: z.string(),
  release_id: z.string().nullable().default(null),
  target_id: z.string().nullable().default(null),
  migration_marker: z.string().nullable().default(null),
  bytes: z.int().default(1000),
});

/** What a case says of the host; all that it does not say is as on a host where nothing is wrong. */
const facts = z.strictObject({
  /** What `current` names; default: the release whose status says that it serves. */
  current: current.optional(),
  /** The registry's rows, the oldest first. */
  releases: z.record(z.string(), z.union([status.transform((name) => row.parse({ status: name })), row])).default({}),
  /** Directories under releases; default: those of all rows that would have one. */
  disk: z.array(z.string()).optional(),
  /** Directories that the registry does not know. */
  unknown: ids,
  /** Services whose socket stays open while they restart. */
  held: ids,
  /** Unit files: path → text, as they are installed and as the manifest wants them; `enabled`: units that come up and are not to. */
  units: z.array(z.strictObject({ scope: z.enum(["system", "user"]).default("system"), installed: texts, wanted: texts, disabled: ids, enabled: ids, logs: ids })).default([]),
  /** What `install_systemd` finds besides. */
  diffs: ids,
  outdated: ids,
  not_lingering: z.string().optional(),
  /** Property lists: path → text; those wanted are by default what the manifest renders to. `loaded`: path → which one it was. */
  plists: z
    .strictObject({ installed: texts, wanted: z.record(z.string(), z.string()).optional(), loaded: texts, foreign: ids, is_root: z.boolean().default(false) })
    .prefault({}),
  /** Sites by their keys; those that are not named are not installed yet, and sound. `unwanted`: path → text. */
  sites: z
    .strictObject({
      installed: z.record(z.string(), z.strictObject({ now: z.string().optional(), folder: z.boolean().default(true), as_root: z.boolean().default(false), problem: z.string().optional() })).default({}),
      as_wanted: ids,
      unwanted: texts,
      manager: z.enum(["systemd", "itself", "none"]).default("systemd"),
      reload_owed: z.boolean().default(false),
    })
    .prefault({}),
  /** maintenance: who turned it on; Traefik's files that are installed: path → only root may write there. */
  maintenance: z
    .strictObject({ by: z.enum(["person", "switch"]).optional(), traefik: z.record(z.string(), z.boolean()).default({}), closed: ids, pageless: ids })
    .prefault({}),
  /** install_crontab: the owner's crontab, and with the tree's block as the manifest wants it. */
  crontab: z.strictObject({ now: z.string(), wanted: z.string(), jobs: z.int(), diff: z.string().default("") }).optional(),
  /** install_logrotate: the file as it stands, and as it is wanted; null for none. */
  logrotate: z.strictObject({ now: z.string().nullable(), wanted: z.string().nullable(), foreign: ids, diff: z.string().default("") }).optional(),
  /** rotate: logs by their path in the tree. */
  logs: z
    .record(z.string(), z.strictObject({ bytes: z.int(), rotated: ids, free: z.int().default(1_000_000_000_000), problem: z.string().optional() }))
    .default({}),
  /** The maintenance page of a switch; `person`: somebody turned it on already. */
  page: z.enum(["none", "switch", "person"]).default("none"),
  /** Directories that bear the mark of a build. */
  building: ids,
  /** Releases of which a manifest is kept; default: those that served. */
  recorded: z.array(z.string()).optional(),
  /** The services that run now; default: all of the manifest, where something is current. */
  running: z.array(z.string()).optional(),
  stale: z.array(z.string()).optional(),
  /** The services of the release that is to run; default: all of the manifest. */
  services: z.array(z.string()).optional(),
  /** All of them run, from the release that is asked for. */
  serving: z.boolean().default(false),
  unready: ids,
  /** prune: release id → who uses it. */
  used: z.record(z.string(), z.string()).default({}),
  /** prune: when the last operation ended, and a day more; default: now. */
  age_at: z.string().optional(),
  /** prune: dependency sets by their place in shared/deps, and what an earlier removal left. */
  deps: z
    .strictObject({
      sets: z.record(z.string(), z.strictObject({ complete: z.boolean().default(true), by: ids, user: z.string().optional() })).default({}),
      removing: ids,
    })
    .prefault({}),
  /** prune: uploads that broke off long ago, by their names in incoming. */
  uploads: ids,
  /** recover: links of the current release that a promotion has just put there. */
  promoted: z.array(z.strictObject({ kept: z.string(), place: z.string(), target: z.string() })).default([]),
  /** promote: the manifest's sets as the current release has them. */
  promotable: z
    .record(
      z.string(),
      z.strictObject({
        key: z.string().default("0123456789abcdef"),
        state: z.enum(["borrowed", "own", "outside", "real", "absent"]).default("borrowed"),
        complete: z.boolean().default(false),
        problems: ids,
        target: z.string().optional(),
      }),
    )
    .default({}),
  source: source.prefault({}),
  /** build: name of a needed command → why it is not good enough. */
  problems: z.record(z.string(), z.string()).default({}),
  /** build: steps whose `when` is not here. */
  skipped: ids,
  /** build: steps with inputs and outputs: what they are made from, and where that is taken from. */
  steps: z
    .record(z.string(), z.strictObject({ key: z.string().optional(), from: z.string().optional(), why: z.string().optional(), missing: ids }))
    .default({}),
  /** build: dependency sets by name, as they stand. */
  sets: z
    .record(z.string(), z.strictObject({ key: z.string().default("0123456789abcdef"), complete: z.boolean().default(true), broken: z.boolean().default(false), problems: ids, next: ids }))
    .default({}),
  /** build: the release whose unchanged files are shared. */
  base: z.string().optional(),
  /** build: what is free, what else is needed, and what a prune would give back; `differs`: what the base does not have. */
  room: z
    .strictObject({
      bytes: z.int().optional(),
      files: z.int().optional(),
      last: amount.optional(),
      sets: z.record(z.string(), amount).default({}),
      backup: z.int().default(0),
      differs: amount.optional(),
      reclaim: amount.optional(),
    })
    .prefault({}),
  /** Linked entries by their path in the release; those that are not named are real in shared/. */
  shared: z.record(z.string(), shared).default({}),
  /** The tree has the suite already. */
  suite: z.strictObject({ files: ids, packages: z.record(z.string(), z.string()).default({}) }).optional(),
  /** The database, and its backups by their ids, the newest first. */
  database: z
    .strictObject({
      there: z.boolean().default(true),
      bytes: z.int().default(1000),
      backups: z.record(z.string(), backup).default({}),
      differences: z.array(z.strictObject({ table: z.string(), now: z.int().optional(), saved: z.int().optional() })).default([]),
    })
    .prefault({}),
  operation: operation.optional(),
  /** recover: the release to go back to is complete; default: it is on disk. */
  previous_complete: z.boolean().optional(),
  /** The data of a release to go back to has another schema; `snapshot`: the backup of such data. */
  crossing: z.strictObject({ from: z.string(), to: z.string(), snapshot: z.string().optional() }).optional(),
  /** Bytes of the data, and free for its backup. */
  backup_room: z.strictObject({ bytes: z.int(), free: z.int() }).optional(),
  /** recover: the operation was about to change the data. */
  data_open: z.boolean().default(false),
  orphans: z.array(z.int()).default([]),
  leftovers: ids,
  removing: ids,
  kept: z.array(z.tuple([z.string(), z.string()])).default([]),
});

/** A case: facts and arguments on one side, what they lead to on the other. Of the latter only what stands there is compared. */
export const caseSchema = z.strictObject({
  /** Laid over a manifest with the app `shop`, the tree `/srv/shop`, and one service, `web`. */
  manifest: z.record(z.string(), z.unknown()).default({}),
  facts: facts.prefault({}),
  args: z.record(z.string(), z.unknown()).default({}),
  /** `DEPLOY_*` variables. */
  overrides: z.record(z.string(), z.string()).default({}),
  /** The environment prod on this host, which the manifest was sent to; default: the tree is here. */
  on: z.string().optional(),
  /** What is wrong with the planner: the case is expected to fail until that is mended. */
  known_bug: z.string().optional(),
  /** `# title of the plan`, then `## title of a step` and its lines, as `--dry-run` shows them. */
  plan: z.string().optional(),
  touches_from: z.string().optional(),
  discard: z.string().optional(),
  revert: z.string().optional(),
  notes: z.array(z.string()).optional(),
  done: z.array(z.string()).optional(),
  /** A refusal: before anything, or (beside `plan`) after a record of it. */
  error: z.strictObject({ message: z.string(), exit: z.int(), next: z.array(z.string()).default([]) }).optional(),
});

export type Case = z.output<typeof caseSchema>;
export type CaseFacts = Case["facts"];
export type CaseRow = z.output<typeof row>;
