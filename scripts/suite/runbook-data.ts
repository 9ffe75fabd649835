import type { Context } from "../core/context.ts";
import type { Plan } from "../core/step.ts";
import { scheduledNames } from "../schedule/jobs.ts";
import { BACKUP_ID, exampleBackup, exampleDataRestore, exampleDataRollback } from "./example-data.ts";
import { OLD_ID } from "./example-facts.ts";
import { EXAMPLE_KEY } from "./example-sets.ts";

/** A part of the runbook. */
export interface Section {
  title: string;
  text: string;
  /** Under `ops`, with their arguments. */
  commands: string[];
  plans: Plan[];
}

/** Dependency sets, where the manifest has some. */
export function dependencySections({ manifest }: Context): Section[] {
  const own = Object.entries(manifest.dependencies).filter(([, { use }]) => use === undefined);
  if (own.length === 0) return [];
  const key = own.flatMap(([, one]) => one.key).map((file) => `\`${file}\``);
  return [
    {
      title: "Dependency sets",
      text: [
        `A build makes a set anew when ${key.join(", ")}, its command, its tools or the machine changed; \`${EXAMPLE_KEY}\` stands for a real key. Releases that have one key share one set, and the next prune takes away what no release has.`,
        "`promote` gives the release that runs a set of its own where it borrows one from the checkout. A set that is damaged is made again by the next build once its `.complete` is gone; until that is done, releases that link to it are without their packages.",
      ].join("\n"),
      commands: ["host/doctor", "release/prune --dry-run", "release/promote --dry-run", "release/promote"],
      plans: [],
    },
  ];
}

/** What a switch waits for: `drain`, and jobs that run. */
export function drainSections({ manifest }: Context): Section[] {
  const { drain } = manifest;
  const jobs = scheduledNames(manifest);
  if (!drain && jobs.length === 0) return [];
  const waits = [
    ...(drain ? [`until \`${drain.run.join("; ")}\` exits 0`] : []),
    ...(jobs.length > 0 ? [`until no job runs (${jobs.join(", ")})`] : []),
  ];
  const end =
    drain?.then === "proceed"
      ? "When the time is over it goes on all the same; a job that runs is left alone."
      : "When the time is over the switch gives up and has touched nothing: type it again later.";
  return [
    {
      title: "What a switch waits for",
      text: `Before anything is stopped, a switch waits ${waits.join(" and ")}. ${end} What runs now:`,
      commands: ["service/status"],
      plans: [],
    },
  ];
}

/** The database: going back across a schema, migrations, backups. */
export function dataSections(context: Context): Section[] {
  const { database, migrate, backups } = context.manifest;
  return [
    ...(migrate && database
      ? [
          {
            title: "Roll back across a change of the schema",
            text: "A rollback to a release with another schema is refused until a person chooses. `--restore-data --yes` brings back the newest backup of that schema: what was written since is lost, and the refusal says how much. `--keep-data` starts the old release on the data as it is: only where it can read the new schema.",
            commands: [
              `release/rollback ${OLD_ID}`,
              `release/rollback ${OLD_ID} --restore-data --yes`,
              `release/rollback ${OLD_ID} --keep-data`,
            ],
            plans: [exampleDataRollback(context)],
          },
        ]
      : []),
    ...(migrate ? [migration(context)] : []),
    ...(database
      ? [
          {
            title: "Backups, and the drill",
            text: `${backups ? `Made by \`${backups.schedule}\`, and` : "No schedule makes them (`backups` in the manifest does); they are"} kept in \`backups/\` of the tree: copy that folder to another machine. \`${BACKUP_ID}\` stands for the id of a real one. Once a month: \`--prove\` restores the newest one elsewhere and reads it; nothing that serves is touched.`,
            commands: ["data/backup", "data/backup --list", "data/restore --prove", `data/restore ${BACKUP_ID} --yes`],
            plans: [...exampleBackup(context), ...exampleDataRestore(context)],
          },
        ]
      : []),
  ];
}

function migration({ manifest, paths }: Context): Section {
  const place = manifest.database?.sqlite;
  const guarded = manifest.database
    ? `It runs while the services are stopped, behind a backup that was proven. When it or the gate behind it fails, the backup comes back and the old release serves: exit code 3.${place === undefined ? "" : ` The failed file stays as \`${paths.shared}/${place}.failed-<operation>\`.`}`
    : "It runs while the services are stopped. The manifest names no database: nothing is backed up before it, and a failed one is not undone.";
  return {
    title: "Migration",
    text: `A deploy brings the data to the release's schema by \`${manifest.migrate?.run.join("; ")}\`. ${guarded} For the release that is current, by hand:`,
    commands: ["data/migrate --dry-run", "data/migrate"],
    plans: [],
  };
}
