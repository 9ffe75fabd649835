import { expect, test } from "vitest";
import { judgeBackups, type KeptBackups } from "../../scripts/database/retention.ts";

const NONE = { last: 1, daily: 0, weekly: 0, monthly: 0 };

const made = (created_at: string, reason: "scheduled" | "manual" = "scheduled") => ({
  id: created_at,
  reason,
  created_at: created_at.length === 10 ? `${created_at}T03:10:00.000Z` : `${created_at}:00.000Z`,
  release_id: "r1",
  target_id: null,
});

/** What stays, and why. */
const kept = (keep: Partial<KeptBackups> | undefined, times: string[]) =>
  judgeBackups(
    times.map((time) => made(time)),
    {
      keep: keep && { ...NONE, ...keep },
      releases: new Set(),
    },
  ).flatMap(({ id, goes, why }) => (goes ? [] : [`${id} ${why}`]));

// 2026-11-22 is a Sunday, the last day of week 47; 2027-01-03 the last one of 2026's week 53.
const TABLE: [what: string, keep: Partial<KeptBackups> | undefined, times: string[], stays: string[]][] = [
  ["none there", { last: 3 }, [], []],
  [
    "no backups.keep",
    undefined,
    ["2026-11-22", "2020-01-01"],
    ["2026-11-22 the manifest has no backups.keep", "2020-01-01 the manifest has no backups.keep"],
  ],
  ["the newest", { last: 1 }, ["2026-11-22", "2026-11-21"], ["2026-11-22 it is the newest"]],
  [
    "two of one day",
    { daily: 2 },
    ["2026-11-22T18:00", "2026-11-22T06:00", "2026-11-21T23:59", "2026-11-21T00:00"],
    ["2026-11-22T18:00 it is the newest", "2026-11-21T23:59 it is the last one of 2026-11-21"],
  ],
  [
    "days without a backup do not count",
    { daily: 3 },
    ["2026-11-22", "2026-11-10", "2026-10-01", "2026-09-01"],
    [
      "2026-11-22 it is the newest",
      "2026-11-10 it is the last one of 2026-11-10",
      "2026-10-01 it is the last one of 2026-10-01",
    ],
  ],
  [
    "weeks begin on Monday",
    { weekly: 2 },
    ["2026-11-23", "2026-11-22", "2026-11-16", "2026-11-15"],
    ["2026-11-23 it is the newest", "2026-11-22 it is the last one of week 2026-W47"],
  ],
  [
    "a week over the end of a year",
    { weekly: 2 },
    ["2027-01-04", "2027-01-03", "2026-12-28", "2026-12-27"],
    ["2027-01-04 it is the newest", "2027-01-03 it is the last one of week 2026-W53"],
  ],
  [
    "months",
    { monthly: 3 },
    ["2026-11-22", "2026-11-01", "2026-10-31", "2026-10-01", "2026-09-30", "2026-08-31"],
    [
      "2026-11-22 it is the newest",
      "2026-10-31 it is the last one of 2026-10",
      "2026-09-30 it is the last one of 2026-09",
    ],
  ],
  [
    "all together",
    { last: 2, daily: 2, weekly: 2, monthly: 2 },
    ["2026-11-22T12:00", "2026-11-22T06:00", "2026-11-21", "2026-11-15", "2026-10-31", "2026-10-30"],
    [
      "2026-11-22T12:00 it is one of the 2 newest",
      "2026-11-22T06:00 it is one of the 2 newest",
      "2026-11-21 it is the last one of 2026-11-21",
      "2026-11-15 it is the last one of week 2026-W46",
      "2026-10-31 it is the last one of 2026-10",
    ],
  ],
];

test.each(TABLE)("%s", (_, keep, times, stays) => {
  expect(kept(keep, times)).toEqual(stays);
});

test("by hand counts as the schedule's do, and what leads back from a release stays as long as it does", () => {
  const way = (id: string, reason: "migration" | "restore", release_id: string | null, target_id: string | null) => ({
    ...made(id),
    reason,
    release_id,
    target_id,
  });
  const backups = [
    made("2026-11-22", "manual"),
    way("2026-11-21", "migration", "gone", "r2"),
    way("2026-11-20", "migration", "r2", "gone"),
    way("2026-11-19", "restore", "r2", null),
    way("2026-11-18", "restore", "gone", null),
    way("2026-11-17", "restore", null, null),
    made("2026-11-16"),
  ];
  const verdicts = judgeBackups(backups, { keep: NONE, releases: new Set(["r2"]) });
  expect(verdicts.map(({ id, goes }) => `${id} ${goes ? "goes" : "stays"}`)).toEqual([
    "2026-11-22 stays",
    "2026-11-21 stays",
    "2026-11-20 goes",
    "2026-11-19 stays",
    "2026-11-18 goes",
    "2026-11-17 stays",
    "2026-11-16 goes",
  ]);
});

test("what a person made stays a week, however many of them there are, and goes with the others then", () => {
  const backups = [made("2026-11-22"), ...["2026-11-21", "2026-11-20", "2026-11-14"].map((day) => made(day, "manual"))];
  const verdicts = judgeBackups(backups, { keep: { ...NONE, last: 1 }, releases: new Set() });
  expect(verdicts.map(({ id, goes }) => `${id} ${goes ? "goes" : "stays"}`)).toEqual([
    "2026-11-22 stays",
    "2026-11-21 stays",
    "2026-11-20 stays",
    "2026-11-14 goes",
  ]);
});
