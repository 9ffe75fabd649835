import type { Drain } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { FailedError } from "../core/errors.ts";
import { reporter } from "../terminal/reporter.ts";
import { command, type WaitStep } from "../core/step.ts";
import { hasJobs, runningJobs } from "../schedule/running-jobs.ts";
import { runningServices } from "../service/supervisors.ts";
import { clock, seconds } from "../terminal/durations.ts";
import { type BusyLook, saidBy, showBusy, showJob, whoIsBusy } from "./busy.ts";
import { type Waited, waitUntilIdle } from "./idle.ts";
import { probe } from "./probe.ts";

/** How a running job is waited for where the manifest has no `drain`: a long job is never cut silently. Milliseconds. */
export const JOBS_ONLY = { every: 1000, timeout: 600_000, policy: "abort" } as const;

/** How a wait is done: the manifest's `drain`, or the default for jobs. */
interface Way extends Pick<Drain, "every" | "timeout"> {
  /** `drain.run`, where there is something that can answer. */
  run: Drain["run"] | undefined;
  policy: "abort" | "proceed";
  isForJobs: boolean;
}

async function wayOf(context: Context): Promise<Way | undefined> {
  const { drain } = context.manifest;
  const isForJobs = await hasJobs(context);
  if (!drain) return isForJobs ? { ...JOBS_ONLY, run: undefined, isForJobs } : undefined;
  const { run, every, timeout, then: policy } = drain;
  // Planned for the jobs alone, it must not ask a service that does not run.
  const isAsked = !isForJobs || (await runningServices(context)).length > 0;
  return { run: isAsked ? run : undefined, every, timeout, policy, isForJobs };
}

/**
 * Waits until no job of the tree runs and `drain.run` exits 0, as the manifest's `drain` says; undefined where there is neither.
 * @throws FailedError when it is not in time and `drain.then` is `abort`, or a job still runs and the step is strict; InterruptedError when `signal` aborts
 */
export async function applyDrain(
  context: Context,
  { title, strict = false }: Pick<WaitStep, "title" | "strict">,
  signal: AbortSignal | undefined,
): Promise<Waited<BusyLook> | undefined> {
  const way = await wayOf(context);
  if (!way) return undefined;
  const look = async (limitMs: number, cut: AbortSignal | undefined): Promise<BusyLook> => {
    const answer = way.run && (await probe({ run: way.run, cwd: context.paths.current }, cut, limitMs));
    // Behind the answer: a job may have begun meanwhile.
    const jobs = way.isForJobs ? await runningJobs(context) : [];
    return { isIdle: jobs.length === 0 && answer?.ok !== false, jobs, answer };
  };
  const { every, timeout } = way;
  const count = countdown(timeout);
  let hasWaited = false;
  const onBusy = (seen: BusyLook, leftMs: number) => {
    hasWaited = true;
    count(seen, leftMs);
  };
  const result = await waitUntilIdle({ look, every, timeout }, onBusy, signal);
  const said = result.last.answer?.body?.trim() ? saidBy(result.last.answer) : undefined;
  if (result.last.isIdle) {
    const line = `idle after ${seconds(result.waitedMs)}${said === undefined ? "" : `; drain.run says: ${said}`}`;
    if (hasWaited || said !== undefined) reporter().note(line);
    return result;
  }
  const mayProceed = way.policy === "proceed" && !(strict && result.last.jobs.length > 0);
  if (!mayProceed) throw notIdle(context, title, way, result.last);
  reporter().warn(`${notIdleLine(way, result.last)}; going on, as drain.then says${leftAlone(result.last)}`);
  return result;
}

/** In a log, a line where nothing changes comes no more often than that, in milliseconds. */
const TELL_EVERY = 30_000;
/** And one where only the words of `drain.run` did. */
const WORDS_EVERY = 5000;

/** Counts down: on a terminal the moving line; in a log a line at the beginning, for what changes, and now and then. */
function countdown(timeout: number): (seen: BusyLook, leftMs: number) => void {
  let told: { who: string; words: string; at: number } | undefined;
  return (seen, leftMs) => {
    const now = performance.now();
    const line = (left: number) => `busy: ${showBusy(seen, new Date())}, ${clock(left)} left of ${clock(timeout)}`;
    reporter().waitFor(() => line(leftMs - (performance.now() - now)));
    const who = whoIsBusy(seen);
    const words = seen.answer && !seen.answer.ok ? saidBy(seen.answer) : "";
    const silentFor = told ? now - told.at : Number.POSITIVE_INFINITY;
    const isNew = told?.who !== who || (told.words !== words && silentFor >= WORDS_EVERY);
    if (!isNew && silentFor < TELL_EVERY) return;
    reporter().note(line(leftMs));
    told = { who, words, at: now };
  };
}

const notIdleLine = ({ timeout }: Way, last: BusyLook) =>
  `not idle after ${seconds(timeout)}: ${showBusy(last, new Date())}`;

function leftAlone({ jobs }: BusyLook): string {
  const lines = jobs.map((job) => {
    const where = job.releaseId === undefined ? "" : `, in ${job.releaseId}`;
    return `${showJob(job, new Date())} runs on${where}`;
  });
  return lines.length > 0 ? `; not waited for and not stopped: ${lines.join("; ")}` : "";
}

function notIdle({ opsPath, flags, manifest }: Context, title: string, way: Way, last: BusyLook): FailedError {
  const { jobs, answer } = last;
  const now = new Date();
  const pids = jobs.flatMap(({ pid }) => pid ?? []);
  return new FailedError(notIdleLine(way, last), {
    step: title,
    output: [
      ...jobs.map((job) => `${showJob(job, now)}${job.releaseId === undefined ? "" : ` in ${job.releaseId}`}`),
      ...(answer && !answer.ok ? [answer.summary, ...(answer.body?.trimEnd().split("\n") ?? [])] : []),
    ],
    next: [
      ...(pids.length > 0 ? [`ps -o pid,user,lstart,args -p ${pids.join(",")}`] : []),
      `${command(`${opsPath}/release/health_check.ts`, ...flags)} --until-idle    # then the same command again`,
      manifest.drain
        ? "or a longer drain.timeout in the manifest, or drain.then: proceed, which goes on and stops no job"
        : 'or drain: { run: "true", timeout: 2h } in the manifest; then: proceed goes on and stops no job',
    ],
  });
}
