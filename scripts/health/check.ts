import type { Health, Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { FailedError } from "../core/errors.ts";
import { releasePath } from "../core/paths.ts";
import { reporter } from "../terminal/reporter.ts";
import { portOfAddress } from "../manifest/address.ts";
import { type ServiceDefinition, serviceOf } from "../service/definition.ts";
import { chosenDefinitions, definitionsOf, recordedManifest } from "../service/definitions.ts";
import { supervisorOf } from "../service/supervisors.ts";
import { realPath } from "../core/real-path.ts";
import { gate, type GateInput } from "./gate.ts";
import type { Proof } from "./identity.ts";
import type { Check } from "./probe.ts";

export interface HealthOptions {
  releaseId: string;
  /** With the manifest that the release last ran healthy with. */
  recorded?: boolean | undefined;
  /** The smoke requests too, once the gate has passed. */
  smoke?: boolean | undefined;
  /** Only these services, by their own checks. */
  only?: string[] | undefined;
}

/** What the gate saw of a healthy release; times in milliseconds. */
export interface HealthProof {
  services: readonly Proof[];
  /** Good answers in a row, at least. */
  healthy: number;
  soak: number;
  attempts: number;
  waitedMs: number;
  lastAnswer?: string;
  /** Smoke requests that passed. */
  smoked: number;
}

/**
 * The gate of SPEC section 5, promise 7, for the release that is current.
 * @throws FailedError with the last answer and each service's last log lines.
 */
export async function applyHealthCheck(
  context: Context,
  options: HealthOptions,
  signal: AbortSignal | undefined,
): Promise<HealthProof> {
  const whole = options.recorded ? await recordedManifest(context, options.releaseId) : context.manifest;
  const manifest = options.only ? partOf(whole, options.only) : whole;
  const input = { ...(await gateInput(context, manifest, options.releaseId)), signal };
  const result = await gate(input);
  if (!result.ok) throw unhealthy(context, manifest, result.reason ?? "not healthy", result.lastAnswer);
  const { attempts, waitedMs, lastAnswer } = result;
  const { proofs: services, healthy, soak } = input;
  const proof = { services, healthy, soak, attempts, waitedMs, ...(lastAnswer === undefined ? {} : { lastAnswer }) };
  if (!options.smoke || manifest.smoke.length === 0) return { ...proof, smoked: 0 };
  const { smoke } = await import("./smoke.ts");
  const tried = await smoke(manifest.smoke, signal ?? new AbortController().signal);
  if (!tried.ok) throw unhealthy(context, manifest, `smoke: ${tried.reason}`, undefined);
  return { ...proof, smoked: manifest.smoke.length };
}

/** A manifest that knows these services only: what is asked of the whole application is not asked of a part. */
function partOf(manifest: Manifest, names: string[]): Manifest {
  chosenDefinitions(definitionsOf(manifest), names);
  const services = Object.entries(manifest.services).filter(([name]) => names.some((one) => serviceOf(one) === name));
  const isWhole = services.length === Object.keys(manifest.services).length;
  return isWhole ? manifest : { ...manifest, services: Object.fromEntries(services), health: undefined };
}

async function gateInput(context: Context, manifest: Manifest, releaseId: string): Promise<GateInput> {
  const { overrides, paths } = context;
  const times = timesOf(manifest);
  return {
    ...times,
    releaseId,
    releasePath: realPath(releasePath(paths, releaseId)),
    checks: checksOf(context, manifest),
    proofs: overrides.isRestartSkipped ? [] : await proofsOf(context, manifest),
    isIdentityProven: !overrides.isRestartSkipped,
    onTick: (line) => reporter().detail(line),
  };
}

const DEFAULTS = { every: 100, timeout: 30_000, healthy: 2, soak: 500 };

function timesOf(manifest: Manifest): typeof DEFAULTS {
  const services = Object.values(manifest.services).flatMap(({ health }) => health ?? []);
  const [first, ...rest] = manifest.health ? [manifest.health] : services;
  if (!first) return DEFAULTS;
  const { every, timeout, healthy, soak } = first;
  return rest.reduce(
    (most, other) => ({
      every: Math.min(most.every, other.every),
      timeout: Math.max(most.timeout, other.timeout),
      healthy: Math.max(most.healthy, other.healthy),
      soak: Math.max(most.soak, other.soak),
    }),
    { every, timeout, healthy, soak },
  );
}

function checksOf(context: Context, manifest: Manifest): Check[] {
  const command = context.overrides.healthCommand;
  if (command) return [{ run: command, cwd: context.paths.current }];
  const definitions = definitionsOf(manifest);
  const first = definitions.find((definition) => addressOf(manifest, definition) !== undefined);
  if (manifest.health) return [checkOf(context, manifest.health, first && addressOf(manifest, first))];
  return definitions.flatMap((definition) => {
    const health = manifest.services[serviceOf(definition.name)]?.health;
    return health ? [checkOf(context, health, addressOf(manifest, definition))] : [];
  });
}

/** Where a service answers by itself: its port, else the socket that is held for it (a port, or an absolute path). */
function addressOf(manifest: Manifest, { name, port }: ServiceDefinition): number | string | undefined {
  const { socket } = manifest.services[serviceOf(name)] ?? {};
  return port ?? (socket && (portOfAddress(socket.listen) ?? socket.listen));
}

function checkOf(context: Context, health: Health, address: number | string = 80): Check {
  const { expect } = health;
  if (health.run) return { run: health.run, cwd: context.paths.current };
  if (health.tcp) return { tcp: health.tcp };
  if (health.url) return { url: health.url, expect };
  return typeof address === "number"
    ? { url: `http://127.0.0.1:${address}${health.path}`, expect }
    : { url: `http://localhost${health.path}`, socketPath: address, expect };
}

async function proofsOf(context: Context, manifest: Manifest): Promise<Proof[]> {
  const supervisor = supervisorOf(context, manifest);
  const only = context.overrides.services;
  const definitions = definitionsOf(manifest).filter(({ name }) => !only || only.includes(name));
  const states = await Promise.all(definitions.map(({ name }) => supervisor.observe(name)));
  const missing = states.find(({ pid }) => pid === undefined);
  if (missing) {
    const how = missing.state === "stale" ? "died before the gate began" : "is not running";
    throw unhealthy(context, manifest, `${missing.name} ${how}`, undefined);
  }
  return definitions.map((definition, index) => {
    const address = addressOf(manifest, definition);
    const { pid, startTime, releaseId, isContained } = states[index] ?? {};
    return {
      service: definition.name,
      pid: pid as number,
      startTime: startTime as string,
      port: typeof address === "number" ? address : undefined,
      attestedId: releaseId,
      ...(isContained ? { isContained } : {}),
    };
  });
}

const LOG_LINES = 10;

function unhealthy(context: Context, manifest: Manifest, reason: string, lastAnswer: string | undefined): FailedError {
  const supervisor = supervisorOf(context, manifest);
  const logs = definitionsOf(manifest).flatMap((definition) => {
    const lines = supervisor.lastLogLines(definition, LOG_LINES);
    return lines.length > 0 ? [`last lines of ${definition.name}:`, ...lines.map((line) => `  ${line}`)] : [];
  });
  const answer = lastAnswer ? [`last answer: ${lastAnswer}`] : [];
  return new FailedError(reason.startsWith("not healthy") ? reason : `not healthy: ${reason}`, {
    output: [...answer, ...logs],
    next: [`${context.opsPath}/service/logs.ts`, `${context.opsPath}/release/status.ts`],
  });
}
