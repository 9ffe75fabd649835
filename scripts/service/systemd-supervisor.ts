import type { Manifest } from "../../manifest.schema.ts";
import { UsageError } from "../core/errors.ts";
import { releaseOfContainer } from "../podman/look.ts";
import { containerOf as nameOfContainer } from "../podman/image.ts";
import { otherTreeIn } from "../render/other-trees.ts";
import { ownTextOf } from "../render/reading.ts";
import { proxyUnitOf, socketUnitOf, unitOf } from "../systemd/names.ts";
import { type Properties, refuseWithoutManager, type Scope, showUnits, systemctl } from "../systemd/systemctl.ts";
import { type ServiceDefinition, type ServicePlace, serviceOf } from "./definition.ts";
import { definitionOf } from "./definitions.ts";
import { serviceMembers } from "../processes/members.ts";
import { allProcesses, observeProcess, observeProcessFacts, type ProcessFacts } from "../processes/processes.ts";
import { releaseOfDirectory, releaseSinceLink, runningState } from "./running.ts";
import { closeWhenEmpty, type Door, withClosedDoor } from "./closed-door.ts";
import { portOfAddress } from "../manifest/address.ts";
import { lastLogLines } from "./service-log.ts";
import type { ServiceState, StartResult, StopResult, Supervisor } from "./supervisor.ts";

/** What a look at a service asks its unit for. */
const ASKED = [
  "LoadState",
  "ActiveState",
  "SubState",
  "MainPID",
  "Result",
  "ExecMainStartTimestamp",
  "NeedDaemonReload",
  "FragmentPath",
];

/** A manifest's services as units of systemd: the system's manager, or the user's own. */
interface Units {
  manifest: Manifest;
  place: ServicePlace;
  scope: Scope;
}

/** Runs the services of a tree as units of systemd; the units are installed already (manager.ts). */
export function systemdSupervisor(manifest: Manifest, place: ServicePlace, scope: Scope): Supervisor {
  const units: Units = { manifest, place, scope };
  return {
    observe: async (service) => observe(units, typeof service === "string" ? service : service.name),
    start: (definition) => start(units, definition),
    restart: (definition) => restart(units, definition),
    pause: (name) => pause(units, name),
    resume: (definition) => resume(units, definition),
    stop: (name) => stop(units, name),
    lastLogLines: (definition, count) => lastLogLines(definition, place, count),
  };
}

const propertiesOf = ({ manifest, scope }: Units, name: string) =>
  showUnits(scope, [unitOf(manifest, name)], ASKED)[0] ?? {};

function observe(units: Units, name: string): ServiceState {
  refuseWithoutManager(units.scope);
  const properties = propertiesOf(units, name);
  const main = observeProcessFacts(Number(properties["MainPID"]) || -1);
  if (otherTreeOf(units, properties) !== undefined)
    return { name, state: "stopped", processes: [], pidFile: "missing" };
  if (!main) return { name, state: stateOf(properties), processes: [], pidFile: "missing" };
  const container = containerOf(units, name);
  const releaseId = container
    ? releaseOfContainer(units.place, container, main)
    : releaseIdOf(units.place, main, properties);
  const state = runningState(name, main, membersOf(main), releaseId);
  return container ? { ...state, isContained: true } : state;
}

const containerOf = ({ manifest }: Units, name: string) =>
  manifest.services[serviceOf(name)]?.container && nameOfContainer(manifest, name);

/** The tree whose unit it is, where that is another one: of the same name, and none of ours to start or stop. */
const otherTreeOf = ({ place }: Units, { FragmentPath }: Properties) =>
  FragmentPath ? otherTreeIn(ownTextOf(FragmentPath) ?? "", place.deployTo) : undefined;

/** Without a main process: one that waits for its next start is not stopped, and has to be when the release changes. */
function stateOf({ ActiveState, SubState }: Properties): ServiceState["state"] {
  if (SubState === "auto-restart" || ActiveState === "activating" || ActiveState === "deactivating") return "running";
  return ActiveState === "failed" ? "stale" : "stopped";
}

const membersOf = (main: ProcessFacts) =>
  serviceMembers({ all: allProcesses(), marks: new Map(), own: [], main, known: [], self: process.pid });

/**
 * By the main process's working directory. One of another user does not show it; its unit names `current`, so that one
 * which was started after the link was made runs what the link names.
 */
function releaseIdOf(place: ServicePlace, main: ProcessFacts, properties: Properties): string | undefined {
  const cwd = observeProcess(main.pid)?.cwd;
  if (cwd !== undefined) return releaseOfDirectory(place, cwd);
  return properties["NeedDaemonReload"] === "no" ? releaseSinceLink(place, main) : undefined;
}

async function start(units: Units, definition: ServiceDefinition): Promise<StartResult> {
  const before = observe(units, definition.name);
  const isUp = before.pid !== undefined && before.startTime !== undefined;
  const after = isUp ? { already: true, pid: before.pid, startTime: before.startTime, warnings: [] } : undefined;
  const result = after ?? (await up(units, definition, "start"));
  await doorOf(units, definition)?.open();
  return result;
}

async function restart(units: Units, definition: ServiceDefinition): Promise<StartResult> {
  const door = doorOf(units, definition);
  return door ? withClosedDoor(door, () => up(units, definition, "restart")) : up(units, definition, "restart");
}

/** Its socket stays, and what waits in it starts the service again: its unit holds that start back until it is resumed. */
async function pause(units: Units, name: string): Promise<void> {
  const { manifest, scope } = units;
  const service = manifest.services[serviceOf(name)];
  const door = service && doorOf(units, definitionOf(service, name));
  if (door) await closeWhenEmpty(door);
  await systemctl(scope, "stop", unitOf(manifest, name));
}

async function resume(units: Units, definition: ServiceDefinition): Promise<StartResult> {
  const door = doorOf(units, definition);
  return door ? withClosedDoor(door, () => up(units, definition, "start")) : up(units, definition, "start");
}

const DEFAULT_PATIENCE = 30_000;

/** The proxy that stands between the socket and a service that cannot take it. */
function doorOf(units: Units, { name, port }: ServiceDefinition): Door | undefined {
  const { manifest, scope } = units;
  const { socket, health } = manifest.services[serviceOf(name)] ?? {};
  const front = socket?.proxy ? portOfAddress(socket.listen) : undefined;
  if (front === undefined || port === undefined) return undefined;
  const tell = (signal: string) => systemctl(scope, "kill", `--signal=${signal}`, proxyUnitOf(manifest, name));
  return {
    close: () => tell("STOP"),
    open: () => tell("CONT"),
    front,
    port,
    patience: (manifest.health ?? health)?.timeout ?? DEFAULT_PATIENCE,
  };
}

/** Starts a unit with what holds its socket. A unit that failed before is forgiven: systemd counts its starts. */
async function up(units: Units, definition: ServiceDefinition, verb: "start" | "restart"): Promise<StartResult> {
  const { manifest, scope } = units;
  const unit = unitOf(manifest, definition.name);
  const properties = propertiesOf(units, definition.name);
  const { LoadState } = properties;
  const other = otherTreeOf(units, properties);
  if (other !== undefined)
    throw new UsageError(`${unit} belongs to the tree ${other}`, { next: "ops/systemd/install_systemd.ts" });
  if (LoadState !== "loaded")
    throw new UsageError(`${unit} is not installed (${LoadState})`, { next: "ops/systemd/install_systemd.ts" });
  await forgive(scope, unit);
  if (definition.isHeld) await systemctl(scope, "start", socketUnitOf(manifest, definition.name));
  await systemctl(scope, verb, unit);
  const { pid = 0, startTime = "" } = observe(units, definition.name);
  return { already: false, pid, startTime, warnings: [] };
}

/** One that systemd holds nothing of, not being enabled or not having run, has nothing to be forgiven. */
async function forgive(scope: Scope, unit: string): Promise<void> {
  try {
    await systemctl(scope, "reset-failed", unit);
  } catch (error) {
    if (!/ not loaded\.?$/m.test((error as Error).message)) throw error;
  }
}

/** Its socket goes first: a waiting request would start the service again. */
async function stop(units: Units, name: string): Promise<StopResult> {
  const { manifest, scope } = units;
  const service = manifest.services[serviceOf(name)];
  const { processes } = observe(units, name);
  if (otherTreeOf(units, propertiesOf(units, name)) !== undefined) return { already: true, wasKilled: false, pids: [] };
  const unit = unitOf(manifest, name);
  const held = service?.socket
    ? [socketUnitOf(manifest, name), ...(service.socket.proxy ? [proxyUnitOf(manifest, name)] : [])]
    : [];
  for (const each of [...held, unit]) await systemctl(scope, "stop", each);
  return {
    already: processes.length === 0,
    wasKilled: propertiesOf(units, name)["Result"] === "timeout",
    pids: processes,
  };
}
