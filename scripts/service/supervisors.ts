import fs from "node:fs";
import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { SwitchbackError } from "../core/errors.ts";
import { observeCurrent } from "../core/observe.ts";
import { subjectOf } from "../render/subject.ts";
import { scopeOf } from "../systemd/systemctl.ts";
import type { ServicePlace } from "./definition.ts";
import { definitionsOf, placeOf, recordedManifest } from "./definitions.ts";
import { pidfileSupervisor } from "./pidfile-supervisor.ts";
import { lastLogLines } from "./service-log.ts";
import type { ServiceState, Supervisor } from "./supervisor.ts";

/** What starts and stops the services of a manifest in this tree. */
export function supervisorOf(context: Context, manifest: Manifest = context.manifest): Supervisor {
  const place = placeOf(context);
  const scope = scopeOf(manifest);
  if (scope)
    return atFirstOrder(place, async () => {
      const { systemdSupervisor } = await import("./systemd-supervisor.ts");
      return systemdSupervisor(manifest, place, scope);
    });
  if (manifest.supervisor === "launchd")
    return atFirstOrder(place, async () => {
      const { launchdSupervisor } = await import("./launchd-supervisor.ts");
      return launchdSupervisor(subjectOf(context, manifest), place);
    });
  return pidfileSupervisor(place);
}

/** A manager's supervisor, loaded when it is first asked for something: a tree of pid files never pays for one. */
function atFirstOrder(place: ServicePlace, load: () => Promise<Supervisor>): Supervisor {
  let loaded: Promise<Supervisor> | undefined;
  const whole = () => (loaded ??= load());
  return {
    observe: async (service) => (await whole()).observe(service),
    start: async (definition, release) => (await whole()).start(definition, release),
    restart: async (definition, release) => (await whole()).restart(definition, release),
    pause: async (name) => (await whole()).pause?.(name),
    resume: async (definition) => {
      const supervisor = await whole();
      if (!supervisor.resume) throw new Error(`${definition.name} has no socket`);
      return supervisor.resume(definition);
    },
    stop: async (name, stopTimeout) => (await whole()).stop(name, stopTimeout),
    lastLogLines: (definition, count) => lastLogLines(definition, place, count),
  };
}

/** The manifest that the current release last ran healthy with; the one in use where none was kept, or none that can be read. */
export async function servingManifestOf(context: Context): Promise<Manifest> {
  const { releaseId } = observeCurrent(context.paths);
  if (releaseId === undefined) return context.manifest;
  return recordedManifest(context, releaseId).catch((error: unknown) => {
    if (error instanceof SwitchbackError) return context.manifest;
    throw error;
  });
}

/** A supervisor that may run services of this tree now, with the names that it may run them under. */
interface Candidate {
  supervisor: Supervisor;
  names: string[];
}

/** That of what serves, that of the manifest in use, and pid files that were left from before either of them. */
async function candidates(context: Context): Promise<Candidate[]> {
  const manifests = [...new Set([await servingManifestOf(context), context.manifest])];
  const namesOf = (some: Manifest[]) => some.flatMap((one) => definitionsOf(one).map(({ name }) => name));
  const isByPidfile = ({ supervisor }: Manifest) => supervisor === "pidfile";
  const managed = manifests.filter((manifest) => !isByPidfile(manifest));
  const byPidfile = [...namesOf(manifests.filter(isByPidfile)), ...pidfileNames(context)];
  return [
    ...managed.map((manifest) => ({ supervisor: supervisorOf(context, manifest), names: namesOf([manifest]) })),
    ...(byPidfile.length > 0 ? [{ supervisor: pidfileSupervisor(placeOf(context)), names: byPidfile }] : []),
  ];
}

/** Services by what became of them. */
export interface ServiceNames {
  /** They run now: the manifest's, those of the release that serves, and those of which only a pid file is left. */
  running: string[];
  /** They ended by themselves, and left their pid files. */
  stale: string[];
}

/** Looks at every service that a manifest of this tree, or a pid file, names. */
export async function observeNames(context: Context): Promise<ServiceNames> {
  const looks = (await candidates(context)).flatMap(({ supervisor, names }) =>
    [...new Set(names)].map((name) => supervisor.observe(name)),
  );
  const states = await Promise.all(looks);
  const named = (wanted: ServiceState["state"]) => [
    ...new Set(states.filter(({ state }) => state === wanted).map(({ name }) => name)),
  ];
  const running = named("running");
  return { running, stale: named("stale").filter((name) => !running.includes(name)) };
}

/** Names of the services that run now. */
export const runningServices = async (context: Context) => (await observeNames(context)).running;

/** Every supervisor that runs this service now. */
export async function supervisorsRunning(context: Context, name: string): Promise<Supervisor[]> {
  const all = (await candidates(context)).map(({ supervisor }) => supervisor);
  const states = await Promise.all(all.map((supervisor) => supervisor.observe(name)));
  return all.filter((_, index) => states[index]?.state !== "stopped");
}

function pidfileNames({ paths }: Context): string[] {
  if (!fs.existsSync(paths.run)) return [];
  return fs.readdirSync(paths.run).flatMap((file) => (file.endsWith(".pid") ? [file.slice(0, -".pid".length)] : []));
}
