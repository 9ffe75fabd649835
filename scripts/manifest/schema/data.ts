import * as z from "zod";
import { count, env, insidePath, lines, schedule } from "./values.ts";

/** What brings a database to a release's schema. */
export const migrate = z.strictObject({
  run: lines.describe("What brings the database to this release's schema."),
  dir: insidePath.prefault(".").describe("Where run starts, in the release."),
  env: env.default({}).describe("Environment variables; values are text."),
  marker: lines.optional().describe("Prints the schema revision."),
});

/** Where the application's data lies, or what saves and brings it back. */
export const database = z
  .strictObject({
    sqlite: insidePath.optional().describe("The SQLite file, in shared/."),
    backup: lines.optional().describe("Writes a backup to $BACKUP_FILE."),
    restore: lines.optional().describe("Brings back what is in $BACKUP_FILE."),
    prove: lines.optional().describe("Tries a backup: restores $BACKUP_FILE elsewhere, and exits 0 when it is sound."),
  })
  .superRefine(({ sqlite, backup, restore, prove }, ctx) => {
    const isWhole = sqlite ? !backup && !restore && !prove : backup && restore;
    if (!isWhole) ctx.addIssue({ code: "custom", message: "has either sqlite, or both backup and restore" });
  });

const age = z.int({ error: "a whole number" }).min(0, { error: "a whole number" }).default(0);

const keep = z
  .union(
    [
      count.transform((last) => ({ last, daily: 0, weekly: 0, monthly: 0 })),
      z.strictObject({
        last: count.default(1).describe("The newest ones."),
        daily: age.describe("The last one of each of so many days."),
        weekly: age.describe("The last one of each of so many weeks."),
        monthly: age.describe("The last one of each of so many months."),
      }),
    ],
    { error: "a whole number, or a map with last, daily, weekly and monthly" },
  )
  .prefault(7);

/** Scheduled backups, and how many of them are kept. */
export const backups = z.strictObject({
  schedule: schedule.describe("Cron schedule."),
  keep: keep.describe("Backups kept: a number, or by day, week and month."),
});
