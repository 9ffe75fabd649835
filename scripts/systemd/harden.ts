import path from "node:path";
import type { Service } from "../../manifest.schema.ts";
import type { Subject } from "../render/subject.ts";
import { listedPath, type Reading } from "./escape.ts";

/** What a sandboxed process has to reach; paths are absolute. */
export interface Reach extends Reading {
  /** Read, wherever they lie. */
  read: string[];
  /** Written. */
  write: string[];
  /** Never written, though inside what is. */
  keep: string[];
  /** Kept out of sight. */
  hidden: string[];
  /** Listens on a port below 1024 by itself. */
  hasLowPort: boolean;
}

/**
 * Holds in each manager's scope: kernel rules for the process itself. A call that is not allowed fails (EPERM) and kills nobody.
 * W^X is left out, for it kills every just-in-time compiler: Node, Bun, numba.
 */
const OF_PROCESS = [
  "NoNewPrivileges=yes",
  // Network interfaces are listed through netlink: Node's os.networkInterfaces().
  "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
  "RestrictNamespaces=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "LockPersonality=yes",
  "SystemCallArchitectures=native",
  // Not ~@privileged: setuid() and chown() to what one is already are harmless, and gunicorn's workers do not start without.
  "SystemCallFilter=@system-service",
  "SystemCallFilter=~@resources",
  "SystemCallErrorNumber=EPERM",
];

/** What only the system's manager can do: mounts, devices, capabilities (systemd.exec(5), "Sandboxing"). */
const OF_SYSTEM = [
  "PrivateTmp=yes",
  "PrivateDevices=yes",
  "PrivateMounts=yes",
  "ProtectSystem=strict",
  "ProtectHome=tmpfs",
  "ProtectKernelTunables=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelLogs=yes",
  "ProtectControlGroups=yes",
  "ProtectClock=yes",
  "ProtectHostname=yes",
  "ProtectProc=invisible",
  "RemoveIPC=yes",
];

/** Lines of [Service] for `harden: strict`. */
export function sandbox(reach: Reach, scope: "system" | "user"): string[] {
  if (scope === "user") return OF_PROCESS;
  const { read, write, keep, hidden, hasLowPort } = reach;
  const seen = outermost(read.filter(isCovered));
  const bound = outermost(write.filter((one) => isCovered(one) && !isInside(one, seen)));
  const own = outermost(write.filter((one) => !isInside(one, bound)));
  const capability = hasLowPort ? "CAP_NET_BIND_SERVICE" : "";
  return [
    ...OF_PROCESS,
    ...OF_SYSTEM,
    `CapabilityBoundingSet=${capability}`,
    ...(hasLowPort ? [`AmbientCapabilities=${capability}`] : []),
    ...paths("BindReadOnlyPaths", seen, reach),
    ...paths("BindPaths", bound, reach),
    ...paths(
      "InaccessiblePaths",
      hidden.filter((one) => isInside(one, seen)),
      reach,
    ),
    ...paths("ReadWritePaths", own, reach),
    ...paths(
      "ReadOnlyPaths",
      keep.filter((one) => isInside(one, own)),
      reach,
    ),
  ];
}

const paths = (key: string, list: string[], reading: Reading) =>
  list.map((one) => `${key}=${listedPath(one, reading)}`);

/** Folders that the sandbox puts an empty one in place of. */
const COVERED = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

const isBelow = (one: string, folder: string) => one === folder || one.startsWith(`${folder}/`);
const isInside = (one: string, folders: string[]) => folders.some((folder) => isBelow(one, folder));
const isCovered = (one: string) => isInside(one, COVERED);

/** Without those that lie inside another one. */
const outermost = (list: string[]) =>
  [...new Set(list)].filter(
    (one, _, all) =>
      !isInside(
        one,
        all.filter((other) => other !== one),
      ),
  );

/** What a service of the manifest has to reach: of the homes, only its account's own, to read, without its keys. */
export function reachOf(subject: Subject, service: Service, { program, port, hasInstance }: Program): Reach {
  const { paths: tree, owner } = subject;
  const home = service.user === undefined || service.user === owner.name ? owner.home : `/home/${service.user}`;
  const search = (service.env["PATH"] ?? "").split(":").filter((one) => path.isAbsolute(one));
  const programs = [...(program === undefined ? [] : [program]), ...search.map((folder) => path.join(folder, "*"))];
  const read = [home, tree.deployTo, tree.releases, path.dirname(tree.current)];
  return {
    hasInstance,
    read: [...read, ...programs.filter((one) => !isInside(one, read)).map(installation)],
    write: [...sharedWrites(subject), ...service.write_paths.map((one) => path.resolve(tree.current, one))],
    keep: [path.join(tree.shared, "deps")],
    hidden: [".ssh", ".gnupg"].map((name) => path.join(home, name)),
    hasLowPort: port !== undefined && port < 1024,
  };
}

interface Program extends Reading {
  /** Absolute; undefined where PATH is searched for it. */
  program?: string | undefined;
  /** The port that the process itself opens. */
  port?: number | undefined;
}

function sharedWrites({
  manifest: { linked_dirs: dirs, linked_files: files, database },
  paths: tree,
}: Subject): string[] {
  const optional = files.filter((file) => file.optional);
  return [
    ...dirs.map(({ shared }) => shared),
    // SQLite makes its journal beside the database, and a first migration the database itself.
    ...[...(database?.sqlite ? [database.sqlite] : []), ...optional.map(({ shared }) => shared)].map((file) =>
      path.dirname(file),
    ),
  ].map((place) => path.join(tree.shared, place));
}

/** Of a program in somebody's home, all that it may need from there: `/home/ann/.nvm`, `/root/miniconda3`. */
function installation(program: string): string {
  const folder = COVERED.find((one) => isBelow(program, one)) ?? "";
  const owned = folder === "/home" || folder === "/run/user" ? 2 : 1;
  return program
    .split("/")
    .slice(0, folder.split("/").length + owned)
    .join("/");
}
