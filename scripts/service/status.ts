import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { SwitchbackError } from "../core/errors.ts";
import { type Current, observeCurrent } from "../core/observe.ts";
import { reporter } from "../terminal/reporter.ts";
import { notices } from "../manifest/supervisor-limits.ts";
import { showAge } from "../text/amounts.ts";
import { stamp } from "../registry/releases.ts";
import { printable } from "../text/table.ts";
import { logPaths, type ServiceDefinition } from "./definition.ts";
import { chosenDefinitions, definitionsOf, placeOf, recordedManifest } from "./definitions.ts";
import { runningServices, supervisorOf, supervisorsRunning } from "./supervisors.ts";
import type { ServiceState, Supervisor } from "./supervisor.ts";

/** A service as `status --json` gives it. */
export interface ServiceStatus {
  service: string;
  /** `died`: its pid file is there, and its process is not. */
  state: "running" | "stopped" | "died";
  pid: number | null;
  /** Every process of it, the main one first. */
  processes: number[];
  port: number | null;
  url: string | null;
  /** The release that it runs from. */
  release_id: string | null;
  /** ISO 8601 UTC. */
  started_at: string | null;
  /** Where it writes: one file, or stdout and stderr. */
  logs: string[];
  /** False for one that still runs and that the release which is current does not have. */
  is_wanted: boolean;
  /** Why it does not serve as it should; null when it does. */
  problem: string | null;
}

export interface ServicesStatus {
  current: string | null;
  deploy_to: string;
  /** A release is current, and all its services run from it. */
  is_serving: boolean;
  services: ServiceStatus[];
  notes: string[];
}

/** Looks at the services of the release that is current, as it last ran healthy, and at others that still run. */
export async function observeServices(context: Context, names: string[] = []): Promise<ServicesStatus> {
  const current = observeCurrent(context.paths);
  const { manifest, notes } = await servingManifest(context, current);
  const definitions = chosenDefinitions(definitionsOf(manifest), names);
  const supervisor = supervisorOf(context, manifest);
  const looks = definitions.map((one) => observeService(context, supervisor, one, current.releaseId));
  const others = names.length > 0 ? [] : await otherServices(context, definitions);
  const services = [...(await Promise.all(looks)), ...others];
  const isHealthy = services.every(({ problem, is_wanted }) => problem === null || !is_wanted);
  return {
    current: current.releaseId ?? null,
    deploy_to: context.paths.deployTo,
    is_serving: current.releaseId !== undefined && isHealthy,
    services,
    notes: [...notes, ...notices(context.loaded)],
  };
}

/** The manifest that the current release last ran healthy with: one edited since then says nothing about what serves. */
export async function servingManifest(
  context: Context,
  { releaseId }: Current,
): Promise<{ manifest: Manifest; notes: string[] }> {
  if (releaseId === undefined) return { manifest: context.manifest, notes: [] };
  try {
    return { manifest: await recordedManifest(context, releaseId), notes: [] };
  } catch (error) {
    if (!(error instanceof SwitchbackError)) throw error;
    return {
      manifest: context.manifest,
      notes: [`the manifest kept for ${releaseId} cannot be read: ${error.message}`],
    };
  }
}

async function observeService(
  context: Context,
  supervisor: Supervisor,
  definition: ServiceDefinition,
  currentId: string | undefined,
): Promise<ServiceStatus> {
  const state = await supervisor.observe(definition.name);
  const { stdout, stderr } = logPaths(definition, placeOf(context), context.paths.current);
  const port = definition.port ?? null;
  return {
    ...statusOf(state),
    port,
    url: port === null ? null : `http://127.0.0.1:${port}`,
    logs: [...new Set([stdout, stderr])],
    is_wanted: true,
    problem: problemOf(state, currentId),
  };
}

function statusOf(state: ServiceState) {
  return {
    service: state.name,
    state: state.state === "stale" ? ("died" as const) : state.state,
    pid: state.pid ?? null,
    processes: state.processes,
    release_id: state.releaseId ?? null,
    // In seconds: the system tells it in ticks since boot, and two looks may differ by a millisecond.
    started_at: state.startedAt ? stamp(state.startedAt) : null,
  };
}

function problemOf({ name, state, pidFile, releaseId }: ServiceState, currentId: string | undefined): string | null {
  if (state === "stopped") return `it does not run: ops/service/start.ts ${name}`;
  if (state === "stale") return `it died, or was killed: ops/service/logs.ts ${name}`;
  if (pidFile === "foreign") return "it runs as another user";
  if (releaseId === undefined) return "from which release it runs cannot be told";
  if (currentId !== undefined && releaseId !== currentId)
    return `${currentId} is current, and it runs from ${releaseId}: ops/service/restart.ts ${name}`;
  return null;
}

async function otherServices(context: Context, wanted: ServiceDefinition[]): Promise<ServiceStatus[]> {
  const known = new Set(wanted.map(({ name }) => name));
  const names = (await runningServices(context)).filter((name) => !known.has(name));
  const looks = names.map(async (name) => (await supervisorsRunning(context, name))[0]?.observe(name));
  const states = await Promise.all(looks);
  return states.flatMap((state) => (state ? [otherService(state)] : []));
}

const otherService = (state: ServiceState): ServiceStatus => ({
  ...statusOf(state),
  port: null,
  url: null,
  logs: [],
  is_wanted: false,
  problem: `it still runs, and the current release has no such service: ops/service/stop.ts ${state.name}`,
});

/** `ops/service/status.ts` for a person. */
export function renderServices(status: ServicesStatus, now = new Date()): string {
  const { current, deploy_to, services, notes } = status;
  const head =
    current === null
      ? reporter().paint("red", `nothing is deployed in ${deploy_to}`)
      : `${current} is current in ${deploy_to}`;
  return [head, ...serviceLines(services, now), ...noteLines(notes)].join("\n");
}

/** Two or three short lines for each service: they fit in 80 columns, where a table with an id and a log path does not. */
export function serviceLines(services: ServiceStatus[], now: Date): string[] {
  if (services.length === 0) return ["", "the manifest has no services"];
  const width = Math.max(...services.map(({ service }) => service.length));
  return ["", ...services.flatMap((one) => linesOf(one, width, now))];
}

function linesOf(one: ServiceStatus, width: number, now: Date): string[] {
  const indent = " ".repeat(width + 4);
  const style = one.problem === null ? "green" : one.is_wanted ? "red" : "yellow";
  const age = one.started_at === null ? undefined : `up ${showAge(now.getTime() - Date.parse(one.started_at))}`;
  const facts = [one.pid === null ? undefined : `pid ${one.pid}`, age, one.release_id && `from ${one.release_id}`];
  const state = `${one.state === "running" ? "●" : "○"} ${one.service.padEnd(width)}  ${one.state.padEnd(7)}`;
  const places = [one.url ? [one.url] : [], one.logs.map((file) => `log ${file}`)].flat();
  return [
    `${reporter().paint(style, state)}  ${facts.filter(Boolean).join(", ")}`.trimEnd(),
    ...(one.problem === null ? [] : [`${indent}${reporter().paint(style, printable(one.problem))}`]),
    ...places.map((place) => `${indent}${reporter().paint("dim", place)}`),
  ];
}

/** What a person should know besides. */
export const noteLines = (notes: string[]): string[] =>
  notes.length === 0 ? [] : ["", ...notes.map((note) => reporter().paint("dim", `note: ${note}`))];
