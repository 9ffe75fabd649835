import type { RunningJob } from "../schedule/managed-jobs.ts";
import { clock } from "../terminal/durations.ts";
import { printable } from "../text/table.ts";
import type { Look } from "./idle.ts";
import type { Answer } from "./probe.ts";

/** What one look saw: the jobs that run, and what `drain.run` answered, where it was asked. */
export interface BusyLook extends Look {
  jobs: readonly RunningJob[];
  answer?: Answer | undefined;
}

/** `job reindex (pid 4711, 3 m 2 s)` */
export function showJob({ name, pid, since }: RunningJob, now: Date): string {
  const facts = [
    ...(pid === undefined ? [] : [`pid ${pid}`]),
    ...(since ? [clock(now.getTime() - since.getTime())] : []),
  ];
  return `job ${name}${facts.length > 0 ? ` (${facts.join(", ")})` : ""}`;
}

/** `job reindex (pid 4711, 3 m 2 s) and 2 more; drain.run says: 3 in the queue` */
export function showBusy({ jobs, answer }: BusyLook, now: Date): string {
  const [first] = jobs;
  const more = jobs.length > 1 ? ` and ${jobs.length - 1} more` : "";
  return [
    ...(first ? [`${showJob(first, now)}${more}`] : []),
    ...(answer && !answer.ok ? [`drain.run says: ${saidBy(answer)}`] : []),
  ].join("; ");
}

/** The last line that `drain.run` printed; how it ended, where it printed none. */
export const saidBy = ({ body, summary }: Answer): string =>
  printable(body?.trimEnd().split("\n").at(-1)?.trim() || summary);

/** Who is busy, without what changes all the time. */
export const whoIsBusy = ({ jobs, answer }: BusyLook): string =>
  [...jobs.map(({ name, pid }) => `${name} ${pid}`).toSorted(), answer?.ok === false ? "run" : ""].join("\n");
