import { parseCron } from "./cron.ts";

const DAYS_BACK = 366 * 5;

/** The last `count` times before `now` at which a schedule came, in local time as cron has it; the latest first. */
export function lastFirings(cron: string, now: Date, count: number): Date[] {
  const { minutes, hours, daysOfMonth, months, weekdays, isEitherDay } = parseCron(cron);
  const found: Date[] = [];
  for (let back = 0; back < DAYS_BACK && found.length < count; back++) {
    const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() - back);
    const isOfMonth = daysOfMonth.includes(day.getDate());
    const isOfWeek = weekdays.includes(day.getDay());
    if (!months.includes(day.getMonth() + 1) || !(isEitherDay ? isOfMonth || isOfWeek : isOfMonth && isOfWeek))
      continue;
    const times = hours.flatMap((hour) =>
      minutes.map((minute) => new Date(day.getFullYear(), day.getMonth(), day.getDate(), hour, minute)),
    );
    found.push(...times.filter((time) => time < now).toSorted((a, b) => b.getTime() - a.getTime()));
  }
  return found.slice(0, count);
}
