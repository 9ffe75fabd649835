import net from "node:net";
import type { Manifest } from "../../manifest.schema.ts";
import type { Context } from "../core/context.ts";
import { supervisorsRunning } from "../service/supervisors.ts";
import { isInUnitOf } from "../processes/cgroup.ts";
import { listeners, observeProcess } from "../processes/processes.ts";
import { SwitchbackError } from "../core/errors.ts";
import { portOfAddress } from "../manifest/address.ts";
import { serviceOf } from "../service/definition.ts";
import { definitionsOf } from "../service/definitions.ts";
import { labelOf } from "../launchd/names.ts";
import { hasLogrotate } from "../schedule/jobs.ts";
import { allUnits } from "../systemd/names.ts";
import { scopeOf } from "../systemd/systemctl.ts";
import { type Finding, note, orOk, wrong } from "./finding.ts";

/** A port that something of the manifest listens on. */
interface Wanted {
  port: number;
  /** `web`, `web@main`, or `web's socket`. */
  who: string;
  /** The service, or the instance, whose processes may have it. */
  name: string;
  /** The manager itself listens there. */
  isHeld: boolean;
}

function wantedPorts(manifest: Manifest): Wanted[] {
  return definitionsOf(manifest).flatMap(({ name, port }) => {
    const socket = manifest.services[serviceOf(name)]?.socket;
    const held = socket && portOfAddress(socket.listen);
    return [
      ...(port === undefined || port === held ? [] : [{ port, who: name, name, isHeld: false }]),
      ...(held === undefined ? [] : [{ port: held, who: `${name}'s socket`, name, isHeld: true }]),
    ];
  });
}

/** Ports of the services, of their instances and sockets that somebody else listens on. */
export async function checkPorts(context: Context): Promise<Finding[]> {
  const wanted = wantedPorts(context.manifest);
  const found = await Promise.all(wanted.map((one) => checkPort(context, one)));
  const names = wanted.map(({ who, port }) => `${who} ${port}`).join(", ");
  return orOk("ports", [...twice(wanted), ...found.flat()], wanted.length > 0 ? names : "none in the manifest");
}

/** Instances that have no port of their own, and so one for all. */
const twice = (wanted: Wanted[]): Finding[] =>
  wanted.flatMap(({ port, who, name, isHeld }, index) => {
    const other = wanted.slice(0, index).find((one) => one.port === port && serviceOf(one.name) === serviceOf(name));
    return other && !isHeld
      ? [
          wrong(
            "ports",
            `${other.who} and ${who} share port ${port}`,
            `services.${serviceOf(name)}.instances: { name: { port: … } }`,
          ),
        ]
      : [];
  });

async function checkPort(context: Context, { port, who, name, isHeld }: Wanted): Promise<Finding[]> {
  const { processes, monitors } = await observed(context, name);
  const isPublished = (pid: number) => monitors.some((main) => isInUnitOf(pid, main));
  const isOwn = (pid: number) => processes.includes(pid) || isPublished(pid) || (isHeld && isManager(pid));
  const all = listeners(port, processes);
  const others = all.filter((pid) => !isOwn(pid));
  const next = [`ss -ltnp 'sport = :${port}'`, `give services.${serviceOf(name)} another port in deploy.yaml`];
  const told = others.map((pid) =>
    wrong(
      "ports",
      `port ${port} of ${who} is used by pid ${pid} (${observeProcess(pid)?.command.slice(0, 80) ?? "?"})`,
      ...next,
    ),
  );
  if (told.length > 0 || processes.length > 0 || all.length > 0) return told;
  // A process of another user is seen only by what it answers.
  if (!(await isAnswered(port))) return [];
  const message = `port ${port} of ${who} is used by a process of another user`;
  return isHeld
    ? [note("ports", `${message}: the manager that holds it, or something else`, "systemctl list-sockets")]
    : [wrong("ports", message, ...next)];
}

/** Where the manager cannot be asked, nothing of ours runs as far as we know; another check says why. */
/** Processes of a service; `monitors` watch over its container, and what publishes the ports of that is in their unit. */
async function observed(context: Context, name: string): Promise<{ processes: number[]; monitors: number[] }> {
  try {
    // What serves may run by another supervisor than the one that the manifest now names.
    const all = await supervisorsRunning(context, name);
    const states = await Promise.all(all.map((supervisor) => supervisor.observe(name)));
    const monitors = states.flatMap(({ isContained, pid }) => (isContained && pid !== undefined ? [pid] : []));
    return { processes: states.flatMap(({ processes }) => processes), monitors };
  } catch (error) {
    if (error instanceof SwitchbackError) return { processes: [], monitors: [] };
    throw error;
  }
}

const isManager = (pid: number) => /(^|\/)(systemd|init|launchd)( |$)/.test(observeProcess(pid)?.command ?? "");

const isAnswered = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1", timeout: 500 });
    const end = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket
      .on("connect", () => end(true))
      .on("error", () => end(false))
      .on("timeout", () => end(false));
  });

interface Claim {
  /** `port 8000`, or a path. */
  what: string;
  who: string;
}

/** Ports and paths that two environments on one machine, or two services of one, both claim; pure. */
export function checkShared(environments: { name: string; manifest: Manifest }[]): Finding[] {
  const claims = environments.flatMap(({ name, manifest }) => {
    const hosts = manifest.environments[name]?.hosts ?? ["here"];
    return hosts.flatMap((host) => claimsOf(manifest, name).map(({ what, who }) => ({ what, who, host })));
  });
  const found = new Set<string>();
  for (const [index, one] of claims.entries())
    for (const other of claims.slice(index + 1))
      if (one.host === other.host && one.who !== other.who && isShared(one.what, other.what))
        found.add(
          `${one.who} and ${other.who} share ${one.what}${one.what === other.what ? "" : ` (${other.what} lies in it, or it in that)`}`,
        );
  return orOk(
    "environments",
    [...found].map((line) =>
      wrong("environments", line, "give one of them another in deploy.yaml; what is installed has its name from app"),
    ),
    describe(environments),
  );
}

const describe = (environments: { name: string }[]) =>
  environments.length > 1
    ? `${environments.map(({ name }) => name).join(", ")} share no port and no path`
    : "no two of them could share a port or a path";

function claimsOf(manifest: Manifest, environment: string): Claim[] {
  const services = Object.entries(manifest.services).flatMap(([name, { port, socket, stdout, stderr, instances }]) => {
    const who = environment === "" ? `service ${name}` : `${environment}.${name}`;
    const logs = [...new Set([stdout, stderr])].filter((file) => file?.startsWith("/"));
    const ports = [port, ...Object.values(instances ?? {}).map((one) => one.port)].filter((one) => one !== undefined);
    const own = [
      ...ports.map((one) => `port ${one}`),
      ...(socket ? [socketOf(socket.listen)] : []),
      ...(logs as string[]),
    ];
    return [...new Set(own)].map((what) => ({ what, who }));
  });
  const who = environment || "the tree";
  const { serve } = manifest.registry;
  const api = serve
    ? [{ what: `port ${serve.port}`, who: environment ? `${environment}.registry` : "registry.serve" }]
    : [];
  return [
    { what: manifest.deploy_to, who },
    ...services,
    ...api,
    ...installedNames(manifest).map((what) => ({ what, who })),
  ];
}

/** What is installed outside the tree, where another tree may want a file of the same name. */
function installedNames(manifest: Manifest): string[] {
  const { app, supervisor, sites, services, logs } = manifest;
  const units = scopeOf(manifest) ? allUnits(manifest).map((unit) => `the unit ${unit} of ${supervisor}`) : [];
  const loaded = [...Object.keys(services), ...(manifest.registry.serve ? ["registry"] : [])];
  const jobs = loaded.map((name) => `the job ${labelOf(manifest, name)} of launchd`);
  const files = Object.entries(sites).map(([name, { kind, file }]) => file ?? `the file ${app}-${name} of ${kind}`);
  const rotated = logs && hasLogrotate(manifest) ? [`/etc/logrotate.d/${app}`] : [];
  return [...units, ...(supervisor === "launchd" ? jobs : []), ...files, ...rotated];
}

/** An address on a port is that port: the same one on another address is a claim that seldom was meant. */
const socketOf = (listen: string) => (/:(\d+)$/.test(listen) ? `port ${/:(\d+)$/.exec(listen)?.[1]}` : listen);

const isShared = (a: string, b: string) =>
  a === b || (a.startsWith("/") && b.startsWith("/") && (a.startsWith(`${b}/`) || b.startsWith(`${a}/`)));
