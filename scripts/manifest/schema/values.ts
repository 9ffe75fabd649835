import * as z from "zod";
import { cronProblem } from "../../schedule/cron.ts";
import { durationMs } from "../duration.ts";

/*
 * The `error` of a schema here is the noun phrase that completes "wanted …": problems.ts puts the key and what was
 * found in front of it. An issue of a refinement (code "custom") carries its whole sentence.
 */

/** Names of services, builds, sites, environments and the like, as map keys. */
export const NAME = /^[a-z][a-z0-9_-]*$/;

const INSIDE = /^(?![/~])(?!(?:.*\/)?\.\.(?:\/|$))[^\u0000-\u001f\u007f]+$/;
const INSIDE_OR_ABSOLUTE = /^(?!~)(?!(?:.*\/)?\.\.(?:\/|$))[^\u0000-\u001f\u007f]+$/;
const INSIDE_WANTED = "a relative path without .. in it";

/** `./a//b/` → `a/b`; the folder itself is `.`. */
const tidyPath = (path: string): string =>
  (path.startsWith("/") ? "/" : "") +
    path
      .split("/")
      .filter((part) => part !== "" && part !== ".")
      .join("/") || ".";

/** Any text on one line that is not empty. */
export const line = (wanted = "text"): z.ZodString =>
  z.string({ error: wanted }).regex(/^[^\u0000-\u001f\u007f]+$/, { error: `${wanted}, on one line` });

/** One of a map's keys. */
export const name = z
  .string()
  .regex(NAME, { error: "a name of small letters, digits, - and _ that starts with a letter" });

/** A relative path that cannot leave its root, tidied; `.` is the root itself. */
export const insidePath = z
  .string({ error: INSIDE_WANTED })
  .regex(INSIDE, { error: INSIDE_WANTED })
  .transform(tidyPath);

/** A relative path that cannot leave its root, or an absolute one. */
export const anyPath = z
  .string({ error: "a path" })
  .regex(INSIDE_OR_ABSOLUTE, { error: "an absolute path, or a relative one without .. in it" })
  .transform(tidyPath);

/** A path from the root of the file system. */
export const absolutePath = z
  .string({ error: "an absolute path" })
  .regex(/^\/(?!(?:.*\/)?\.\.(?:\/|$))[^\u0000-\u001f\u007f]*$/, { error: "an absolute path without .. in it" })
  .transform(tidyPath);

/** `300ms`, `5s`, `2m`, `1h`, `7d` → milliseconds. */
export const duration = z
  .string({ error: "a duration with its unit, such as 300ms, 5s, 2m, 1h or 7d" })
  .regex(/^\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d)$/, {
    error: "a duration such as 300ms, 5s, 2m, 1h or 7d",
  })
  .transform(durationMs);

/** A size as nginx and logrotate write it: `64m`. */
export const size = z
  .string({ error: "a size with its unit, such as 64m" })
  .regex(/^\d{1,9}[kmgKMG]?$/, { error: "a size such as 512k, 64m or 1g" });

/** A TCP port. */
export const port = z
  .int({ error: "a port from 1 to 65535" })
  .min(1, { error: "a port from 1 to 65535" })
  .max(65535, { error: "a port from 1 to 65535" });

/** A count of at least one. */
export const count = z.int({ error: "a whole number, 1 or more" }).min(1, { error: "a whole number, 1 or more" });

/** Five cron fields, at which something can happen. */
export const schedule = line("a cron schedule")
  .regex(/^\S+(?: +\S+){4}$/, { error: 'a cron schedule of five fields, such as "30 3 * * *"', abort: true })
  .superRefine((text, ctx) => {
    const problem = cronProblem(text);
    if (problem !== undefined) ctx.addIssue({ code: "custom", message: problem });
  });

/** Five cron fields, or a map that says more → the map; the delay in ms. */
export const jobSchedule = z.union(
  [
    schedule.transform((cron) => ({ cron, random_delay: 0, catch_up: true })),
    z.strictObject({
      cron: schedule.describe("Five cron fields."),
      random_delay: duration.prefault("0s").describe("Start up to so much later, another time each time."),
      catch_up: z
        .boolean({ error: "true or false" })
        .default(true)
        .describe("Run once after the host was off at the time."),
    }),
  ],
  { error: 'a cron schedule of five fields, such as "30 3 * * *", or a map with cron' },
);

const shellLine = z
  .string({ error: "a line of shell" })
  .regex(/^(?=\s*\S)[^\u0000]+$/, { error: "a line of shell" })
  .transform((text) => text.trimEnd());

/** A line, or a list of lines, for `bash -euo pipefail` → the lines (a block of several lines stays one item). */
export const lines = z
  .union([shellLine, z.array(shellLine).min(1, { error: "at least one line" })], {
    error: "a line of shell, or a list of lines",
  })
  .transform((value) => [value].flat());

/** One `item`, or a list of them → the list. */
export const listOf = <T extends z.ZodType>(item: T, wanted: string) =>
  z
    .union([item, z.array(item)], { error: wanted })
    .transform((value) => (Array.isArray(value) ? value : [value]) as z.output<T>[]);

/** Environment variables; a value is always text. */
export const env = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "a variable's name: letters, digits and _" }),
  z.string({ error: "text" }).regex(/^[^\u0000]*$/, { error: "text without NUL" }),
);

/** A user or group of the host. */
export const account = z
  .string({ error: "a name" })
  .regex(/^[A-Za-z_0-9][A-Za-z0-9._-]*\$?$/, { error: "the name of an account" });
