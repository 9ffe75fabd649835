/** What five cron fields stand for: the values at which they match, ascending. */
export interface CronFields {
  minutes: number[];
  hours: number[];
  daysOfMonth: number[];
  /** 1 is January. */
  months: number[];
  /** 0 is Sunday; 7 does not occur. */
  weekdays: number[];
  /** Both day fields say something, and either one is enough (crontab(5), "Note"); else both have to match. */
  isEitherDay: boolean;
}

/** One dictionary of launchd's StartCalendarInterval; a key that is absent matches always. */
export interface CalendarInterval {
  Month?: number;
  Day?: number;
  /** 0 is Sunday. */
  Weekday?: number;
  Hour?: number;
  Minute?: number;
}

interface Field {
  name: string;
  first: number;
  last: number;
  /** Three letters each, from `first` on. */
  words: string[];
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: [Field, Field, Field, Field, Field] = [
  { name: "minute", first: 0, last: 59, words: [] },
  { name: "hour", first: 0, last: 23, words: [] },
  { name: "day of month", first: 1, last: 31, words: [] },
  { name: "month", first: 1, last: 12, words: MONTHS },
  { name: "day of week", first: 0, last: 7, words: WEEKDAYS },
];
const [MINUTE, HOUR, DAY, MONTH, WEEKDAY] = FIELDS;
const ALL_DAYS = Array.from({ length: 31 }, (_, at) => at + 1);
const ALL_WEEKDAYS = [0, 1, 2, 3, 4, 5, 6];
const LONGEST_MONTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads five cron fields as Debian's cron does (crontab(5) and Vixie cron's entry.c): names, ranges, lists, steps, 7 for Sunday. A
 * day field that begins with `*`, such as the one of every second day, does not count as restricted.
 * @throws Error with the reason for what is no schedule, or one that never comes
 */
export function parseCron(text: string): CronFields {
  const fields = text.trim().split(/[ \t]+/);
  if (text.trim().startsWith("@"))
    throw new Error(`${text.trim()} is a word that only some crons know: write five fields, such as "0 3 * * *"`);
  if (fields.length !== 5)
    throw new Error(`has ${fields.length} fields, wanted five: minute, hour, day of month, month, day of week`);
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = fields;
  const months = valuesOf(MONTH, month);
  const daysOfMonth = valuesOf(DAY, day);
  const weekdays = sorted(valuesOf(WEEKDAY, weekday).map((value) => value % 7));
  const isEitherDay = !day.startsWith("*") && !weekday.startsWith("*");
  const hasDay = months.some((one) => (daysOfMonth[0] ?? 0) <= (LONGEST_MONTHS[one - 1] ?? 0));
  if (!isEitherDay && !hasDay) throw new Error(`never comes: no month of ${month} has a day ${day}`);
  return {
    minutes: valuesOf(MINUTE, minute),
    hours: valuesOf(HOUR, hour),
    months,
    ...(isEitherDay ? eitherDay(daysOfMonth, weekdays, hasDay) : { daysOfMonth, weekdays, isEitherDay }),
  };
}

/** One of two day fields is enough: where one of them is always true, or never, one is all there is to ask. */
function eitherDay(daysOfMonth: number[], weekdays: number[], hasDay: boolean) {
  const isDaily = daysOfMonth.length === 31 || weekdays.length === 7;
  if (isDaily) return { daysOfMonth: ALL_DAYS, weekdays: ALL_WEEKDAYS, isEitherDay: false };
  return hasDay
    ? { daysOfMonth, weekdays, isEitherDay: true }
    : { daysOfMonth: ALL_DAYS, weekdays, isEitherDay: false };
}

/** Why a text is no schedule, as the end of a sentence that begins with its key; undefined for a good one. */
export function cronProblem(text: string): string | undefined {
  try {
    parseCron(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Values for `OnCalendar=` (systemd.time(7)); two where either day field is enough, for systemd wants both to match. */
export function onCalendar(cron: string): string[] {
  const { minutes, hours, daysOfMonth, months, weekdays, isEitherDay } = parseCron(cron);
  const time = `${shown(HOUR, hours)}:${shown(MINUTE, minutes)}:00`;
  const onDays = (days: string) => `*-${shown(MONTH, months)}-${days} ${time}`;
  const onWeekdays = (rest: string) => (weekdays.length === 7 ? rest : `${shownWeekdays(weekdays)} ${rest}`);
  const days = shown(DAY, daysOfMonth);
  return isEitherDay ? [onDays(days), onWeekdays(onDays("*"))] : [onWeekdays(onDays(days))];
}

const MAX_INTERVALS = 1000;

/**
 * Dictionaries for launchd's StartCalendarInterval (launchd.plist(5)): every combination of what is not a wildcard.
 * @throws Error with the reason for what launchd cannot express
 */
export function calendarIntervals(cron: string): CalendarInterval[] {
  const { minutes, hours, daysOfMonth, months, weekdays, isEitherDay } = parseCron(cron);
  const isByWeekday = weekdays.length < 7;
  if (isByWeekday && daysOfMonth.length < 31 && !isEitherDay)
    throw new Error("launchd starts a job when the day of month or the day of week matches; it cannot ask for both");
  // launchd's own source (core.c, calendarinterval_setalarm): a weekday is looked for without the month.
  if (isByWeekday && months.length < 12)
    throw new Error("launchd does not look at the month where a day of week is given");
  const common = { Month: months, Hour: hours, Minute: minutes };
  const byWeekday = isByWeekday ? combined({ ...common, Weekday: weekdays }) : [];
  const byDay = isByWeekday && !isEitherDay ? [] : combined({ ...common, Day: daysOfMonth });
  const intervals = [...byDay, ...byWeekday];
  if (intervals.length > MAX_INTERVALS)
    throw new Error(`launchd knows no ranges: it would take ${intervals.length} entries, more than ${MAX_INTERVALS}`);
  return intervals;
}

const SIZES: Record<keyof CalendarInterval, number> = { Month: 12, Day: 31, Weekday: 7, Hour: 24, Minute: 60 };

function combined(values: Partial<Record<keyof CalendarInterval, number[]>>): CalendarInterval[] {
  let intervals: CalendarInterval[] = [{}];
  for (const key of Object.keys(SIZES) as (keyof CalendarInterval)[]) {
    const at = values[key] ?? [];
    if (at.length === 0 || at.length === SIZES[key]) continue;
    intervals = intervals.flatMap((interval) => at.map((value) => ({ ...interval, [key]: value })));
  }
  return intervals;
}

const sorted = (values: number[]) => [...new Set(values)].sort((a, b) => a - b);

const valuesOf = (field: Field, text: string) => sorted(text.split(",").flatMap((part) => partOf(field, part, text)));

function partOf(field: Field, part: string, whole: string): number[] {
  const bad = (reason: string) => new Error(`has ${whole} as ${field.name}: ${reason}`);
  const [, from = "", to, step = "1"] = /^(\*|[0-9A-Za-z]+)(?:-([0-9A-Za-z]+))?(?:\/(\d{1,4}))?$/.exec(part) ?? [];
  const isRange = from === "*" ? to === undefined : to !== undefined;
  if (from === "" || (from === "*" && !isRange)) throw bad(`${part || "nothing"} is none of 5, 1-5, */15, 1-5/2`);
  if (!isRange && part.includes("/")) throw bad(`a step needs a range before it: ${from}-${field.last}/${step}`);
  const first = from === "*" ? field.first : valueOf(field, from, bad);
  const last = from === "*" ? field.last : to === undefined ? first : valueOf(field, to, bad);
  if (Number(step) === 0) throw bad("a step of 0 leads nowhere");
  if (last < first) throw bad(`${part} runs backwards${hintFor(field, first, last)}`);
  return Array.from({ length: Math.floor((last - first) / Number(step)) + 1 }, (_, at) => first + at * Number(step));
}

const hintFor = (field: Field, first: number, last: number) =>
  field === WEEKDAY && last === 0 ? `: write ${first}-7` : `: write ${first}-${field.last},${field.first}-${last}`;

function valueOf(field: Field, word: string, bad: (reason: string) => Error): number {
  const at = field.words.indexOf(word.toLowerCase());
  if (at !== -1) return field.first + at;
  if (!/^\d{1,4}$/.test(word)) throw bad(`${word} is no ${field.name}${namesOf(field)}`);
  const value = Number(word);
  if (value < field.first || value > field.last) throw bad(`${word} is not within ${field.first} to ${field.last}`);
  return value;
}

const namesOf = ({ first, last, words }: Field) =>
  `: a number from ${first} to ${last}${words.length > 0 ? `, or ${words[0]} to ${words.at(-1)}` : ""}`;

/** A set of values in systemd's words: `*`, `00/15`, `01..05`, or a list. */
function shown({ first, last }: Field, values: number[]): string {
  const [from = first, next = from] = values;
  const step = next - from;
  const two = (value: number) => String(value).padStart(2, "0");
  if (values.length === last - first + 1) return "*";
  const isRegular = values.length > 2 && step > 1 && values.every((value, at) => value === from + at * step);
  const reach = from + values.length * step;
  if (isRegular) return reach > last ? `${two(from)}/${step}` : `${two(from)}..${two(values.at(-1) ?? from)}/${step}`;
  return runs(values)
    .map(([start, end]) => runOf(two(start), two(end), end - start))
    .join(",");
}

/** systemd's week begins with Monday. */
const shownWeekdays = (weekdays: number[]) => {
  const word = (day: number) => (WEEKDAYS[day % 7] ?? "").replace(/^./, (letter) => letter.toUpperCase());
  return runs(sorted(weekdays.map((day) => day || 7)))
    .map(([start, end]) => runOf(word(start), word(end), end - start))
    .join(",");
};

const runOf = (start: string, end: string, length: number) =>
  length === 0 ? start : `${start}${length === 1 ? "," : ".."}${end}`;

/** Neighbouring values as pairs of the first and the last. */
function runs(values: number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const value of values) {
    const run = found.at(-1);
    if (run && run[1] === value - 1) run[1] = value;
    else found.push([value, value]);
  }
  return found;
}
