import type { Context } from "../core/context.ts";
import { FailedError, UsageError } from "../core/errors.ts";
import { observeCurrent } from "../core/observe.ts";
import { seconds } from "../terminal/durations.ts";
import { reporter } from "../terminal/reporter.ts";
import { applyHealthCheck } from "../health/check.ts";
import { applyDrain } from "../health/drain.ts";

export interface HealthCheckOptions {
  /** The release that must be current; none named: whichever is. */
  release?: string | undefined;
  recorded?: boolean | undefined;
  smoke?: boolean | undefined;
  untilIdle?: boolean | undefined;
  strict?: boolean | undefined;
  /** Names of services, joined by commas. */
  only?: string | undefined;
}

/** What `health_check --json` gives when it says yes. */
export interface HealthAnswer {
  release_id: string;
  is_healthy: true;
  services: { service: string; pid: number; port: number | null }[];
  /** Good answers in a row, at least, over at least `soak_ms`. */
  healthy: number;
  soak_ms: number;
  attempts: number;
  waited_ms: number;
  last_answer: string | null;
  smoke_requests: number;
}

/** What `health_check --until-idle --json` gives. */
export interface IdleAnswer {
  release_id: string;
  /** False: not within `drain.timeout`, and `drain.then` says to go on. */
  is_idle: boolean;
  waited_ms: number;
  /** The jobs that run on. */
  jobs: { name: string; pid: number | null; since: string | null; release_id: string | null }[];
}

/** The gate for the release that is current, or the wait until it is idle; the answer, and the line for a person. */
export async function checkHealth(
  context: Context,
  options: HealthCheckOptions,
): Promise<{ value: HealthAnswer | IdleAnswer; text: string }> {
  const id = currentId(context, options.release);
  const stop = abortedBySignals();
  return options.untilIdle ? waitForIdle(context, id, options, stop) : waitForHealth(context, id, options, stop);
}

async function waitForHealth(context: Context, id: string, options: HealthCheckOptions, stop: AbortSignal) {
  const { recorded, smoke } = options;
  const only = options.only?.split(",").filter(Boolean);
  const proof = await applyHealthCheck(context, { releaseId: id, recorded, smoke, only }, stop);
  const services = proof.services.map(({ service, pid, port }) => ({ service, pid, port: port ?? null }));
  const value: HealthAnswer = {
    release_id: id,
    is_healthy: true,
    services,
    healthy: proof.healthy,
    soak_ms: proof.soak,
    attempts: proof.attempts,
    waited_ms: Math.round(proof.waitedMs),
    last_answer: proof.lastAnswer ?? null,
    smoke_requests: proof.smoked,
  };
  return { value, text: renderProof(value) };
}

/** `20261120-221530-a1b2c3d is healthy: web (pid 4711), 2 good answers in a row over 0.50 s, 0.52 s in all`. */
function renderProof({ release_id, services, healthy, soak_ms, waited_ms, smoke_requests }: HealthAnswer): string {
  const who = services.map(({ service, pid }) => `${service} (pid ${pid})`);
  const row = `${healthy} good answer${healthy === 1 ? "" : "s"} in a row over ${seconds(soak_ms)}`;
  const smoked = smoke_requests > 0 ? [`${smoke_requests} smoke request${smoke_requests === 1 ? "" : "s"}`] : [];
  return `${release_id} is healthy: ${[...who, row, ...smoked, `${seconds(waited_ms)} in all`].join(", ")}`;
}

async function waitForIdle(context: Context, id: string, { strict = false }: HealthCheckOptions, stop: AbortSignal) {
  const title = "Wait until the application is idle";
  reporter().begin(title);
  const result = await applyDrain(context, { title, strict }, stop).finally(() => reporter().takeAway());
  const isIdle = result?.last.isIdle ?? true;
  const value: IdleAnswer = {
    release_id: id,
    is_idle: isIdle,
    waited_ms: Math.round(result?.waitedMs ?? 0),
    jobs: (result?.last.jobs ?? []).map(({ name, pid, since, releaseId }) => ({
      name,
      pid: pid ?? null,
      since: since?.toISOString() ?? null,
      release_id: releaseId ?? null,
    })),
  };
  const text = result
    ? `${id} is ${isIdle ? "idle" : "not idle"}, after ${seconds(result.waitedMs)}`
    : "the manifest has neither drain nor jobs: nothing to wait for";
  return { value, text };
}

function currentId({ paths, opsPath }: Context, wanted: string | undefined): string {
  const { releaseId } = observeCurrent(paths);
  if (wanted !== undefined && wanted !== releaseId)
    throw new UsageError(`${wanted} is not current${releaseId ? `: ${releaseId} is` : ""}`, {
      next: `${opsPath}/release/status.ts`,
    });
  if (releaseId !== undefined) return releaseId;
  throw new FailedError(`not healthy: nothing is deployed in ${paths.deployTo}`, {
    next: `${opsPath}/release/deploy.ts`,
  });
}

/** Its own child processes end with it: a check that runs a command would outlive this process otherwise. */
function abortedBySignals(): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort();
  process.on("SIGINT", abort).on("SIGTERM", abort).on("SIGHUP", abort);
  return controller.signal;
}
