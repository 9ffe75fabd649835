import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { calendarIntervals, cronProblem, onCalendar, parseCron } from "../../scripts/schedule/cron.ts";
import { cronMinutes, intervalMinutes, isBeforeEnd, schedulesByChance } from "./next-runs.ts";

const all = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, at) => first + at);
const EVERY = {
  minutes: all(0, 59),
  hours: all(0, 23),
  daysOfMonth: all(1, 31),
  months: all(1, 12),
  weekdays: all(0, 6),
  isEitherDay: false,
};

const MEANINGS: [cron: string, fields: Partial<typeof EVERY>][] = [
  ["* * * * *", {}],
  ["5 4 * * *", { minutes: [5], hours: [4] }],
  ["*/20 0-23/6 * * *", { minutes: [0, 20, 40], hours: [0, 6, 12, 18] }],
  ["*/100 * * * *", { minutes: [0] }],
  ["0,30,30,10-12 * * * *", { minutes: [0, 10, 11, 12, 30] }],
  ["*/30,7 * * * *", { minutes: [0, 7, 30] }],
  ["007 * * * *", { minutes: [7] }],
  ["* * * jan,Mar-MAY/2 *", { months: [1, 3, 5] }],
  ["* * * * sun", { weekdays: [0] }],
  ["* * * * 7", { weekdays: [0] }],
  ["* * * * 5-7", { weekdays: [0, 5, 6] }],
  ["* * * * 0-7", {}],
  ["* * * * sat-7", { weekdays: [0, 6] }],
  // Sunday is 0 and 7, and */3 counts from 0 to 7.
  ["* * * * */3", { weekdays: [0, 3, 6] }],
  ["* * * * */7", { weekdays: [0] }],
  ["* * 1,15 * fri", { daysOfMonth: [1, 15], weekdays: [5], isEitherDay: true }],
  // Begins with *: both have to match (DOM_STAR of cron's entry.c).
  ["* * */10 * 1", { daysOfMonth: [1, 11, 21, 31], weekdays: [1] }],
  ["* * 1,11 * */6", { daysOfMonth: [1, 11], weekdays: [0, 6] }],
  ["* * *,5 * 1", { weekdays: [1] }],
  // Restricted, and yet every day; and a day that never comes beside one that does.
  ["* * 1-31 * 1", {}],
  ["* * 9 * 0-6", {}],
  ["* * 30 2 1", { months: [2], weekdays: [1] }],
  ["0 0 29 2 *", { minutes: [0], hours: [0], daysOfMonth: [29], months: [2] }],
];

const REFUSED: [cron: string, reason: string][] = [
  ["60 * * * *", "has 60 as minute: 60 is not within 0 to 59"],
  ["* 24 * * *", "has 24 as hour: 24 is not within 0 to 23"],
  ["* * 0 * *", "has 0 as day of month: 0 is not within 1 to 31"],
  ["* * * 13 *", "has 13 as month: 13 is not within 1 to 12"],
  ["* * * * 8", "has 8 as day of week: 8 is not within 0 to 7"],
  ["* * * * monday", "has monday as day of week: monday is no day of week: a number from 0 to 7, or sun to sat"],
  ["* * * mon *", "has mon as month: mon is no month: a number from 1 to 12, or jan to dec"],
  ["*/0 * * * *", "has */0 as minute: a step of 0 leads nowhere"],
  ["5/15 * * * *", "has 5/15 as minute: a step needs a range before it: 5-59/15"],
  ["5-1 * * * *", "has 5-1 as minute: 5-1 runs backwards: write 5-59,0-1"],
  ["* * * * fri-sun", "has fri-sun as day of week: fri-sun runs backwards: write 5-7"],
  ["* * * * fri-mon", "has fri-mon as day of week: fri-mon runs backwards: write 5-7,0-1"],
  ["1,,2 * * * *", "has 1,,2 as minute: nothing is none of 5, 1-5, */15, 1-5/2"],
  ["*-5 * * * *", "has *-5 as minute: *-5 is none of 5, 1-5, */15, 1-5/2"],
  ["-5 * * * *", "has -5 as minute: -5 is none of 5, 1-5, */15, 1-5/2"],
  ["** * * * *", "has ** as minute: ** is none of 5, 1-5, */15, 1-5/2"],
  ["*/2/2 * * * *", "has */2/2 as minute: */2/2 is none of 5, 1-5, */15, 1-5/2"],
  ["0~59 * * * *", "has 0~59 as minute: 0~59 is none of 5, 1-5, */15, 1-5/2"],
  ["* * L * *", "has L as day of month: L is no day of month: a number from 1 to 31"],
  ["* * 15W * *", "has 15W as day of month: 15W is no day of month: a number from 1 to 31"],
  ["* * ? * *", "has ? as day of month: ? is none of 5, 1-5, */15, 1-5/2"],
  ["* * * * 5#2", "has 5#2 as day of week: 5#2 is none of 5, 1-5, */15, 1-5/2"],
  ["0 0 3 * * *", "has 6 fields, wanted five: minute, hour, day of month, month, day of week"],
  ["@daily", '@daily is a word that only some crons know: write five fields, such as "0 3 * * *"'],
  ["0 0 30 2 *", "never comes: no month of 2 has a day 30"],
  ["0 0 31 2,4-6/2,sep,11 */2", "never comes: no month of 2,4-6/2,sep,11 has a day 31"],
];

test.each(MEANINGS)("%s", (cron, fields) => expect(parseCron(cron)).toEqual({ ...EVERY, ...fields }));

test.each(REFUSED)("%s is refused", (cron, reason) => expect(cronProblem(cron)).toBe(reason));

test("a good one has no problem", () => expect(cronProblem("30 3 * * 1-5")).toBeUndefined());

// Debian's `crontab -n` checks a file and installs nothing. It takes some that are refused here: they never run, or mean no schedule.
const TAKEN_BY_CRON = ["5-1 * * * *", "* * * * fri-sun", "* * * * fri-mon", "*-5 * * * *", "** * * * *"].concat([
  "*/2/2 * * * *",
  "0~59 * * * *",
  "* * * * 5#2",
  "@daily",
  "0 0 30 2 *",
  "0 0 31 2,4-6/2,sep,11 */2",
]);

describe.skipIf(!hasCheckingCrontab())("Debian's crontab (skipped without a crontab -n)", () => {
  test.each(MEANINGS)("takes %s", (cron) => expect(isTakenByCron(cron)).toBe(true));

  test("refuses what is refused here, but for what never runs or is a command in its eyes", () =>
    expect(
      REFUSED.map(([cron]) => cron)
        .filter(isTakenByCron)
        .toSorted(),
    ).toEqual(TAKEN_BY_CRON.toSorted()));
});

function hasCheckingCrontab(): boolean {
  return /-n\)? *file|\[-n\]/.test(spawnSync("crontab", ["-h"], { encoding: "utf8" }).stderr ?? "");
}

function isTakenByCron(cron: string): boolean {
  const folder = mkdtempSync(join(tmpdir(), "crontab-"));
  try {
    writeFileSync(join(folder, "crontab"), `${cron} true\n`);
    return spawnSync("crontab", ["-n", join(folder, "crontab")]).status === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const FROM = new Date("2026-11-21T00:00:00Z");
const COUNT = 25;
const SCHEDULES = [...MEANINGS.map(([cron]) => cron), ...schedulesByChance(20_261_121, 150)].filter(
  (cron) => cronProblem(cron) === undefined,
);

test("enough of the schedules by chance are schedules", () => expect(SCHEDULES.length).toBeGreaterThan(150));

test("systemd's words for some", () => {
  const words = ["30 3 * * *", "*/15 * * * *", "0 9-17 * * 1-5", "30 4 1,15 * 5", "0 0 */2 jan *", "0 0 * * 6,7"];
  expect(words.map(onCalendar)).toEqual([
    ["*-*-* 03:30:00"],
    ["*-*-* *:00/15:00"],
    ["Mon..Fri *-*-* 09..17:00:00"],
    ["*-*-01,15 04:30:00", "Fri *-*-* 04:30:00"],
    ["*-01-01/2 00:00:00"],
    ["Sat,Sun *-*-* 00:00:00"],
  ]);
});

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

test.skipIf(!hasSystemd)("systemd elapses exactly when cron would (skipped without systemd-analyze)", () => {
  for (const cron of SCHEDULES) {
    const specs = onCalendar(cron);
    const elapses = [...new Set(specs.flatMap(elapsesOf))].sort().filter(isBeforeEnd).slice(0, COUNT);
    expect({ cron, specs, elapses }).toEqual({ cron, specs, elapses: cronMinutes(cron, FROM, COUNT) });
  }
});

/** What systemd itself says; it counts from the second after the base. */
function elapsesOf(spec: string): string[] {
  const options = [`--iterations=${COUNT}`, "--base-time=2026-11-20 23:59:59"];
  const output = execFileSync("systemd-analyze", ["calendar", ...options, spec], {
    env: { ...process.env, TZ: "UTC", LC_ALL: "C" },
    encoding: "utf8",
  });
  return [...output.matchAll(/(?:Next elapse|Iter\. #\d+|\(in UTC\)): \w+ (\d{4}-\d\d-\d\d \d\d:\d\d):00/g)].map(
    ([, minute]) => minute ?? "",
  );
}

test("launchd's dictionaries match exactly when cron would, or the schedule is refused", () => {
  const refusals = new Map<string, number>();
  for (const cron of SCHEDULES) {
    const outcome = intervalsOf(cron);
    if (typeof outcome === "string") refusals.set(outcome, (refusals.get(outcome) ?? 0) + 1);
    else
      expect({ cron, at: intervalMinutes(outcome, FROM, COUNT) }).toEqual({ cron, at: cronMinutes(cron, FROM, COUNT) });
  }
  expect([...refusals.keys()].toSorted()).toEqual(["cannot ask for both", "no month", "too many"]);
});

function intervalsOf(cron: string) {
  try {
    return calendarIntervals(cron);
  } catch (error) {
    const { message } = error as Error;
    if (message.includes("cannot ask for both")) return "cannot ask for both";
    return message.includes("month") ? "no month" : "too many";
  }
}

test("launchd's dictionaries name nothing that is a wildcard, and none twice", () => {
  expect(calendarIntervals("* * * * *")).toEqual([{}]);
  expect(calendarIntervals("30 3 * * 7")).toEqual([{ Weekday: 0, Hour: 3, Minute: 30 }]);
  expect(calendarIntervals("0 0 1,15 * fri")).toEqual([
    { Day: 1, Hour: 0, Minute: 0 },
    { Day: 15, Hour: 0, Minute: 0 },
    { Weekday: 5, Hour: 0, Minute: 0 },
  ]);
  const some = calendarIntervals("*/20 8,9 * 1,2 *").map((interval) => JSON.stringify(interval));
  expect(new Set(some).size).toBe(12);
});
