import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import type { Manifest, Service } from "../../manifest.schema.ts";
import type { LoadedManifest } from "./load.ts";
import { ManifestError } from "./problems.ts";

type Path = string[];

/** Refuses (exit 2) at one go all keys whose feature this version does not have. */
export function refuseLater(loaded: LoadedManifest): void {
  const problems = laterPaths(loaded).map((path) =>
    loaded.problemAt(path, "key", `"${path.join(".")}" is not available in this version`),
  );
  if (problems.length > 0) throw new ManifestError(loaded.file, loaded.text, problems);
}

function laterPaths({ manifest, environment }: LoadedManifest): Path[] {
  const here = environment === undefined ? undefined : manifest.environments[environment];
  const claims: [Path, boolean][] = [
    [["dependencies"], Object.keys(manifest.dependencies).length > 0],
    [["migrate"], manifest.migrate !== undefined],
    [["database", "backup"], manifest.database?.backup !== undefined],
    [["database", "restore"], manifest.database?.restore !== undefined],
    [["supervisor"], manifest.supervisor !== "pidfile"],
    [["sites"], Object.keys(manifest.sites).length > 0],
    [["logs"], manifest.logs !== undefined],
    [["backups"], manifest.backups !== undefined],
    [["update"], manifest.update !== undefined],
    [["prune", "keep_days"], manifest.prune.keep_days !== undefined],
    [["registry", "url"], manifest.registry.url !== undefined],
    [["environments", environment ?? "", "hosts"], here?.hosts !== undefined],
  ];
  const inServices = Object.entries(manifest.services).flatMap(([name, service]) =>
    laterInService(["services", name], service),
  );
  return [...claims.filter(([, isUsed]) => isUsed).map(([path]) => path), ...inServices];
}

const LATER_SERVICE_KEYS = ["socket", "container", "instances", "schedule", "ready"] as const;

function laterInService(path: Path, service: Service): Path[] {
  const keys: (keyof Service)[] = LATER_SERVICE_KEYS.filter((key) => service[key] !== undefined);
  if (service.instances === undefined && service.run.includes("%i")) keys.push("run");
  if (service.user !== undefined && !isOwnUser(service.user)) keys.push("user");
  if (service.group !== undefined && !isOwnGroup(service.group)) keys.push("group");
  return keys.map((key) => path.concat(key));
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
const NO_EFFECT = "has no effect under the pidfile supervisor";

/** One line for each key that is harmless but has no effect under the pid-file supervisor. */
export function notices({ manifest }: LoadedManifest): string[] {
  if (manifest.supervisor !== "pidfile") return [];
  return Object.entries(manifest.services).flatMap(([name, service]) =>
    [...withoutEffect(service), ...foreignUnits(service, manifest)].map((notice) => `${name}: ${notice}`),
  );
}

function withoutEffect(service: Service): string[] {
  const keys = ["restart_sec", "harden", "unit", "label"] as const;
  return [
    ...(service.restart !== undefined && service.restart !== "never" ? [`restart ${RESTART}`] : []),
    ...keys.filter((key) => service[key] !== undefined && service[key] !== false).map((key) => `${key} ${NO_EFFECT}`),
    ...(service.write_paths.length > 0 ? [`write_paths ${NO_EFFECT}`] : []),
  ];
}

function foreignUnits(service: Service, { services }: Manifest): string[] {
  return (["after", "wants"] as const).flatMap((key) =>
    service[key]
      .filter((other) => !Object.hasOwn(services, other))
      .map((other) => `${key} ${other} ${NO_EFFECT}: it is no service of this manifest`),
  );
}
