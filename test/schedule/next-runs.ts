import { type CalendarInterval, type CronFields, parseCron } from "../../scripts/schedule/cron.ts";

/** A minute of the calendar, without a time zone. */
type Minute = Record<keyof CalendarInterval, number>;

const DAY_MS = 86_400_000;
const END = "2080-01-01";

/** Nobody looks further than that. */
export const isBeforeEnd = (minute: string) => minute < END;

/** The first `count` minutes from `from` on (UTC, midnight) at which `isDue`, as `2026-11-21 03:30`. */
export function firstMinutes(from: Date, count: number, isDueOn: (day: Minute) => boolean, isDue: typeof isDueOn) {
  const found: string[] = [];
  for (let day = from.getTime(); found.length < count && day < Date.parse(END); day += DAY_MS) {
    const date = new Date(day);
    const known = { Month: date.getUTCMonth() + 1, Day: date.getUTCDate(), Weekday: date.getUTCDay() };
    if (!isDueOn({ ...known, Hour: 0, Minute: 0 })) continue;
    for (let at = 0; at < 1440 && found.length < count; at++)
      if (isDue({ ...known, Hour: Math.floor(at / 60), Minute: at % 60 }))
        found.push(new Date(day + at * 60_000).toISOString().slice(0, 16).replace("T", " "));
  }
  return found;
}

/** As cron.c's find_jobs asks, with the fields that parseCron found. */
export function cronMinutes(cron: string, from: Date, count: number): string[] {
  const fields: CronFields = parseCron(cron);
  const isDueOn = ({ Month, Day, Weekday }: Minute) => {
    const days = [fields.daysOfMonth.includes(Day), fields.weekdays.includes(Weekday)];
    return fields.months.includes(Month) && (fields.isEitherDay ? days.some(Boolean) : days.every(Boolean));
  };
  const isDue = ({ Hour, Minute }: Minute) => fields.hours.includes(Hour) && fields.minutes.includes(Minute);
  return firstMinutes(from, count, isDueOn, isDue);
}

/** As launchd.plist(5) says: what a dictionary names has to match, any dictionary will do. */
export function intervalMinutes(intervals: CalendarInterval[], from: Date, count: number): string[] {
  const matches = (keys: (keyof CalendarInterval)[]) => (minute: Minute) =>
    intervals.some((interval) => keys.every((key) => interval[key] === undefined || interval[key] === minute[key]));
  const dayKeys = ["Month", "Day", "Weekday"] as const;
  return firstMinutes(from, count, matches([...dayKeys]), matches([...dayKeys, "Hour", "Minute"]));
}

const WORDS = [[], [], [], ["jan", "Feb", "mar", "DEC"], ["sun", "Mon", "fri", "SAT"]];
const BOUNDS = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;

/** Schedules by chance, the same ones for the same seed; some of them never come. */
export function schedulesByChance(seed: number, count: number): string[] {
  let state = seed;
  const below = (limit: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * limit);
  };
  const part = (at: number): string => {
    const [low, high] = BOUNDS[at] ?? [0, 0];
    const value = low + below(high - low + 1);
    const words = WORDS[at] ?? [];
    const kinds = [
      () => `${value}`,
      () => words[below(words.length)] ?? `${value}`,
      () => `${low + below(value - low + 1)}-${value}`,
      () => `${low + below(value - low + 1)}-${value}/${1 + below(5)}`,
      () => `*/${1 + below(high)}`,
    ];
    return kinds[below(kinds.length)]?.() ?? "*";
  };
  const field = (at: number) => (below(3) === 0 ? "*" : Array.from({ length: 1 + below(3) }, () => part(at)).join(","));
  return Array.from({ length: count }, () => [0, 1, 2, 3, 4].map(field).join(" "));
}
