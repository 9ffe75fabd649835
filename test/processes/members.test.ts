import { expect, test } from "vitest";
import { serviceMembers } from "../../scripts/processes/members.ts";

const MINE = "/srv/a#api";
const OTHER = "/srv/a#worker";

/** pid, parent, session, mark; a process started at its pid's tick. */
type Row = [pid: number, ppid: number, sid: number, mark?: string];

function membersOf(
  rows: Row[],
  search: { main?: number; mainStart?: string; known?: number[]; self?: number } = {},
): number[] {
  const all = rows.map(([pid, ppid, sid]) => ({ pid, ppid, sid, pgid: sid, startTime: `${pid} boot`, state: "S" }));
  const marks = new Map(rows.flatMap(([pid, , , mark]) => (mark ? [[pid, mark] as const] : [])));
  const main =
    search.main === undefined ? undefined : { pid: search.main, startTime: search.mainStart ?? `${search.main} boot` };
  const known = (search.known ?? []).map((pid) => ({ pid, startTime: `${pid} boot` }));
  return serviceMembers({ all, marks, own: [MINE], main, known, self: search.self ?? 9 }).map(({ pid }) => pid);
}

const others: Row[] = [
  [1, 0, 1],
  [9, 1, 9],
  [50, 1, 50, OTHER],
];

const cases: [string, Row[], Parameters<typeof membersOf>[1], number[]][] = [
  ["the process of the pid file, without a mark", [[20, 1, 20]], { main: 20 }, [20]],
  ["what the pid file names, when its start time differs", [[20, 1, 20]], { main: 20, mainStart: "7 boot" }, []],
  [
    "marked ones, without a pid file",
    [
      [20, 1, 20, MINE],
      [21, 20, 20, MINE],
    ],
    {},
    [20, 21],
  ],
  [
    "its session, where a title destroyed the mark",
    [
      [20, 1, 20],
      [21, 1, 20],
    ],
    { main: 20 },
    [20, 21],
  ],
  [
    "a session whose leader is another process now",
    [
      [20, 1, 20],
      [21, 1, 20],
    ],
    { main: 20, mainStart: "7 boot" },
    [],
  ],
  ["a session whose leader is gone, unproven", [[21, 1, 20]], { main: 20 }, []],
  [
    "a session whose leader is gone, with a known one left in it",
    [
      [21, 1, 20],
      [22, 1, 20],
    ],
    { main: 20, known: [21] },
    [21, 22],
  ],
  [
    "one with a session of its own, by its mark",
    [
      [20, 1, 20, MINE],
      [30, 1, 30, MINE],
    ],
    { main: 20 },
    [20, 30],
  ],
  [
    "unmarked children in sessions of their own",
    [
      [20, 1, 20, MINE],
      [30, 20, 30],
      [31, 30, 31],
    ],
    { main: 20 },
    [20, 30, 31],
  ],
  [
    "not another service, though it is a child",
    [
      [20, 1, 20, MINE],
      [30, 20, 30, OTHER],
    ],
    { main: 20 },
    [20],
  ],
  [
    "not another service, though it is in the session",
    [
      [20, 1, 20, MINE],
      [30, 1, 20, OTHER],
    ],
    { main: 20 },
    [20],
  ],
  [
    "not the operation that runs inside of the service",
    [
      [20, 1, 20, MINE],
      [60, 20, 20, MINE],
      [61, 60, 20, MINE],
    ],
    { main: 20, self: 60 },
    [20],
  ],
  [
    "a service that this process started",
    [
      [20, 9, 20, MINE],
      [21, 20, 20, MINE],
    ],
    { main: 20 },
    [20, 21],
  ],
  [
    "the main one first, then those without a parent among them",
    [
      [19, 20, 20, MINE],
      [20, 1, 20, MINE],
      [18, 1, 18, MINE],
    ],
    { main: 20 },
    [20, 18, 19],
  ],
  ["never init", [[20, 1, 1, MINE]], { main: 1 }, [20]],
];

test.each(cases)("%s", (_, rows, search, members) => {
  expect(membersOf([...others, ...rows], search)).toEqual(members);
});
