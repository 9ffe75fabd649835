import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import type { Manifest, Service, Supervisor } from "../../manifest.schema.ts";
import { limitsOf } from "../podman/limits.ts";
import { scopeOf } from "../systemd/systemctl.ts";
import type { LoadedManifest } from "./load.ts";
import { ManifestError } from "./problems.ts";

type Path = string[];

interface Refusal {
  path: Path;
  why: string;
}

/** Refuses (exit 2) at one go all keys whose feature the manifest's supervisor does not have. */
export function refuseUnsupported(loaded: LoadedManifest): void {
  const problems = refusalsOf(loaded.manifest).map(({ path, why }) =>
    loaded.problemAt(path, "key", `"${path.join(".")}" ${why}`),
  );
  if (problems.length > 0) throw new ManifestError(loaded.file, loaded.text, problems);
}

const BY_SYSTEMD = "is done by supervisor: systemd, systemd-user or podman only";

function refusalsOf(manifest: Manifest): Refusal[] {
  const { services, supervisor } = manifest;
  const isSystemd = scopeOf(manifest) !== undefined;
  return Object.entries(services).flatMap(([name, service]) => {
    const { socket, ready, user, group, instances, container } = service;
    // The accounts in a container are its own.
    const isOwnOnly = !container && (supervisor === "pidfile" || scopeOf(manifest) === "user");
    const claims: [keyof Service, boolean, string][] = [
      ["socket", socket !== undefined && !isSystemd, BY_SYSTEMD],
      ["ready", ready === "notify" && !isSystemd, BY_SYSTEMD],
      [
        "user",
        isOwnOnly && user !== undefined && !isOwnUser(user),
        `other than one's own: supervisor: ${supervisor} cannot`,
      ],
      [
        "group",
        isOwnOnly && group !== undefined && !isOwnGroup(group),
        `other than one's own: supervisor: ${supervisor} cannot`,
      ],
      ["run", instances === undefined && service.run.includes("%i"), "holds %i, and the service has no instances"],
    ];
    const used = claims.filter(([, isUsed]) => isUsed).map(([key, , why]): [string, string] => [key, why]);
    const limits = limitsOf(manifest, name, service);
    const told = [...used.filter(([key]) => !limits.some(([limited]) => limited === key)), ...limits];
    return told.map(([key, why]) => ({ path: ["services", name, key], why }));
  });
}

function isOwnUser(user: string): boolean {
  if (user === String(process.getuid?.())) return true;
  try {
    return userInfo().username === user;
  } catch {
    return false; // An account without a line in passwd has no name.
  }
}

function isOwnGroup(group: string): boolean {
  const gid = String(process.getgid?.());
  return group === gid || groupNames(gid).includes(group);
}

function groupNames(gid: string): string[] {
  try {
    const rows = readFileSync("/etc/group", "utf8")
      .split("\n")
      .map((row) => row.split(":"));
    return rows.filter((row) => row[2] === gid).map(([name = ""]) => name);
  } catch {
    return [];
  }
}

const RESTART = "is not done by the pidfile supervisor: a crashed process stays down until `ops/service/start.ts`";

/** Keys that are harmless, and have no effect under a supervisor. */
const WITHOUT_EFFECT: Partial<Record<Supervisor, (keyof Service)[]>> = {
  pidfile: ["restart_sec", "harden", "unit", "label", "write_paths"],
  launchd: ["harden", "write_paths"],
};

/** The same of a service in a container. */
const CONTAINED = ["harden", "write_paths"] as const;

/** One line for each key that is harmless but has no effect under the manifest's supervisor. */
export function notices({ manifest }: LoadedManifest): string[] {
  const ofServices = Object.entries(manifest.services).flatMap(([name, service]) =>
    [...withoutEffect(service, manifest.supervisor), ...foreignUnits(service, manifest)].map(
      (line) => `${name}: ${line}`,
    ),
  );
  return [...ofServices, ...unkept(manifest), ...unguarded(manifest), ...neverSkipped(manifest)];
}

const unkept = ({ registry, supervisor }: Manifest): string[] =>
  registry.serve && supervisor === "pidfile"
    ? [
        "registry.serve is not kept up by the pidfile supervisor: `ops/release/release-registry.ts serve` is up while it runs",
      ]
    : [];

/** A build step is told apart by what it reads and what it makes: one of the two alone says nothing. */
const neverSkipped = ({ build }: Manifest): string[] =>
  Object.entries(build).flatMap(([name, { inputs, outputs }]) => {
    if (inputs.length > 0 === outputs.length > 0) return [];
    return [`build.${name}: without ${inputs.length > 0 ? "outputs" : "inputs"} it runs at every build`];
  });

function unguarded({ migrate, database }: Manifest): string[] {
  if (!migrate) return [];
  return [
    ...(database ? [] : ["migrate: without database, the data is not backed up, and a failed migration not undone"]),
    ...(migrate.marker || database?.sqlite !== undefined
      ? []
      : ["migrate: without marker, a rollback across a change of the schema is not noticed"]),
  ];
}

function withoutEffect(service: Service, supervisor: Supervisor): string[] {
  const isSet = (value: unknown) =>
    value !== undefined && value !== "off" && !(Array.isArray(value) && value.length === 0);
  const keys = (WITHOUT_EFFECT[supervisor] ?? []).filter((key) => isSet(service[key]));
  const isRestarted = service.restart !== undefined && service.restart !== "never";
  const contained = service.container ? CONTAINED.filter((key) => isSet(service[key])) : [];
  return [
    ...(supervisor === "pidfile" && isRestarted ? [`restart ${RESTART}`] : []),
    ...contained.map((key) => `${key} has no effect on a container: see podman run, and container.options`),
    ...keys.map((key) => `${key} has no effect under the ${supervisor} supervisor`),
  ];
}

/** launchd knows no order, and the pid-file supervisor no units. */
function foreignUnits(service: Service, { services, supervisor }: Manifest): string[] {
  if (supervisor !== "pidfile" && supervisor !== "launchd") return [];
  return (["after", "wants"] as const).flatMap((key) =>
    service[key]
      .filter((other) => !Object.hasOwn(services, other))
      .map(
        (other) =>
          `${key} ${other} has no effect under the ${supervisor} supervisor: it is no service of this manifest`,
      ),
  );
}
